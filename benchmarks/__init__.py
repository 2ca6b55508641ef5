"""Measurements of Earprint on real music: tests check, benchmarks measure. How to run them is in README.md.

    common            intervals, calibration, tables, processes, what machine and commit this is
    corpus            queries and their manifest, the split by track, a library to query
    sound             load music and hear it in a condition
    effects           what rooms, microphones, codecs and record players do to sound
    noises            rooms, devices and noises from seeds
    programme         what a radio plays
    claims            what was claimed while a programme played
    listening         streams to the engine or to a server, events back
    decoys            constellations of music that does not exist, to grow a library to any size
    plot              a line chart as SVG

    degrade           make a query set from a folder of music
    accuracy          how many queries are named, accepted, named wrongly
    fit_presence      fits the network that judges cells
    unknowns          how often unknown music is claimed
    calibration       whether the bits of unknown music follow their law, however large the library
    streams           false claims in hours of unknown music, beside the bound that the law gives
    front_end         what each number of the front end is worth
    time_to_identify  how soon a stream is named
    radio             half-hour programmes: claims, losses, flaps
    speed             what indexing, a query and listening cost
    load              how many can listen at once
    scale             what a large library costs
    overview          some of each, in one table
    client, page      what the page costs who listens; how soon it answers with 100,000 tracks
    fuzz, soak        damaged files, wrong conversations and requests; an hour of listeners and changes
    crashes, stops    servers and commands that are killed, and servers that are told to stop
"""
