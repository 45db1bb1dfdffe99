"""A stand-in for Exact Online over real HTTP, for trying, testing and rehearsing without a login.

Written from the fact sheet alone; it shares no code with the addon's own client, so that the two
are independent readings of the same facts. Start it with ``python -m simulator`` or, in tests,
``SimulatorServer`` of ``simulator.server``.
"""
