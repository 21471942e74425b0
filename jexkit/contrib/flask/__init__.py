"""jexkit in a Flask app: ``JexKit(app)``, handlers beside the views, and ``flask jexkit run`` to hold the streams.

::

    from flask import Flask
    from jexkit import Fill
    from jexkit.contrib.flask import JexKit

    app = Flask(__name__)
    app.config["JEXKIT_STREAMS"] = {"main": {"exchange": "deribit", "client_id_env": "DERIBIT_CLIENT_ID", ...}}
    jexkit = JexKit(app)

    @jexkit.on(Fill, stream="main")
    def book(fill):
        ...

The keys of ``app.config``:

``JEXKIT_STREAMS``
    a dict of the accounts to follow, by the name of their stream; ``help(jexkit.contrib.accounts)`` shows an entry.
``JEXKIT_JOURNAL``
    the path of the file that keeps every event until its handlers have returned; ``jexkit.db`` in the app's instance
    folder unless given. ``None``: no journal; what a crash leaves unhandled is lost then.
``JEXKIT_LOCK``
    the path of the lock by which one of the processes of this host holds the streams; ``jexkit.lock`` in the instance
    folder unless given.
``JEXKIT_STANDBY``
    what a process does that calls ``start`` while another one holds the streams: ``False``, which is the default,
    refuses; ``True`` stands by, and takes over within seconds when the holder is gone. ``flask jexkit run`` stands by.
``JEXKIT_STATUS``
    the path of the file by which the holder tells the other processes how the streams are; ``jexkit.json`` in the
    instance folder unless given.
``JEXKIT_STOP_TIMEOUT``
    seconds that the streams have to end after SIGTERM, 10 unless given.
"""

from jexkit.errors import MissingExtra

try:
    from jexkit.contrib.flask.extension import JexKit
except ImportError as error:
    if (error.name or "").partition(".")[0] != "flask":
        raise
    raise MissingExtra("jexkit.contrib.flask", "flask") from error

__all__ = ["JexKit"]
