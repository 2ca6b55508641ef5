"""The pictures of the page, and the stage on which they and the browser tests are made."""
