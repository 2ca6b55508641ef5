"""The web shell: receives, calls the engine, sends.

- app: puts everything together, opens the library, warms the engine
- routes: the page, and the table of routes; tracks, files: their handlers; uploads: multipart bodies to files
- live: /listen, a WebSocket around a Session; outbox: what it sends; client: the other end of it
- settings: every number that an operator may want to change
- errors, guard, metrics: what all routes share
"""
