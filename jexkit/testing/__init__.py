"""For the tests of programs that use jexkit, and for jexkit's own.

``clock``
    ``ManualClock``: a clock that stands still until it is told to go on.
``driver``
    ``Driver``: runs a stream's machine by hand, without a thread or a socket.
``conversation``
    ``Answers``: what an exchange answers over HTTP, for the driver and for REST clients.
``conformance``
    the suite that every exchange passes.
``plugin``
    fixtures for pytest (``simulator``, ``stream_manager``, ``jexkit_clock``), there as soon as jexkit is installed.
"""
