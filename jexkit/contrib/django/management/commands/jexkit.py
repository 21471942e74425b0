"""``manage.py jexkit``: run the streams, and ask about them."""

from __future__ import annotations

import functools
import json
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, SystemCheckError
from django.utils import autoreload

from jexkit.cli.trial import check_account
from jexkit.cli.words import in_words
from jexkit.contrib.accounts import accounts
from jexkit.contrib.django import conf
from jexkit.contrib.django.checks import TAG
from jexkit.contrib.django.running import check_migrated, journal_of, make_manager
from jexkit.contrib.django.states import reports, write_down
from jexkit.contrib.states import Reporter
from jexkit.core.journal import DeadLetter, Journal
from jexkit.errors import ConfigurationError, JexkitError, UsageError
from jexkit.events import Event, Gap, Live, Lost, Suspended

FAILED, MISCONFIGURED = 1, 2


class Command(BaseCommand):
    """One method for each subcommand. What goes wrong leaves as one sentence and an exit code."""

    help = (
        "Follow trading accounts. 'run' holds the streams in the foreground and calls the handlers of every app's "
        "streams.py. Exit codes: 0 fine, 1 something failed or every stream was lost, 2 the settings make no sense."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's; our own tag is checked, with an exit code of ours

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(required=True, metavar="SUBCOMMAND")
        run = commands.add_parser("run", help="hold the streams until SIGTERM or Ctrl-C")
        run.add_argument("--autoreload", action="store_true", help="start anew when code changes; for development")
        run.set_defaults(perform=self.hold)
        status = commands.add_parser("status", help="how the streams are; code 1 unless all are live")
        status.add_argument("--json", action="store_true", help="as one JSON object")
        status.set_defaults(perform=self.tell_status)
        replay = commands.add_parser("replay", help="list the dead letters, or have some delivered again")
        replay.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="the dead letters to deliver again")
        replay.add_argument("--all", action="store_true", help="all of them")
        replay.set_defaults(perform=self.replay)
        check = commands.add_parser("check", help="try each account: network, clock, credentials, stream")
        check.add_argument("names", nargs="*", metavar="STREAM", help="only these; all without any")
        check.set_defaults(perform=self.try_accounts)

    def handle(self, *args: Any, perform: Any, **options: Any) -> None:
        del args
        try:
            self.check(tags=[TAG])
            site = conf.read()
            check_migrated(site.database)
            perform(site, **options)
        except SystemCheckError as error:
            raise CommandError(str(error), returncode=MISCONFIGURED) from None
        except JexkitError as error:
            code = MISCONFIGURED if isinstance(error, ConfigurationError) else FAILED
            raise CommandError(str(error), returncode=code) from None

    # --- run --------------------------------------------------------------------------------------------------------

    def hold(self, site: conf.Settings, **options: Any) -> None:
        """Hold the streams until a signal comes. Raises StreamEnded when every stream is lost."""
        if options["autoreload"]:
            autoreload.run_with_reloader(self._hold, site, options["verbosity"])
        else:
            self._hold(site, options["verbosity"])

    def _hold(self, site: conf.Settings, verbosity: int) -> None:
        manager = make_manager(site)
        if verbosity:
            for kind in (Live, Suspended, Lost, Gap):
                manager.on(kind, self._tell)
            self._say(f"jexkit: following {', '.join(manager.streams)}; SIGTERM or Ctrl-C ends it")
        with Reporter(manager, functools.partial(write_down, site.database)):
            manager.run()  # beside the main thread under the reloader, which ends the process: that ends it too

    def _tell(self, event: Event) -> None:
        self._say(f"{event.received:%H:%M:%S} {event.stream}: {in_words(event)}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    # --- status -----------------------------------------------------------------------------------------------------

    def tell_status(self, site: conf.Settings, **options: Any) -> None:
        """One line for each stream, as the process that holds them wrote it down."""
        found = reports(site)
        if options["json"]:
            self.stdout.write(json.dumps([report.to_dict() for report in found]))
        else:
            for report in found:
                self.stdout.write(str(report))
        if not all(report.is_healthy for report in found):
            raise UsageError("not every stream is live")

    # --- replay -----------------------------------------------------------------------------------------------------

    def replay(self, site: conf.Settings, *, numbers: list[int], **options: Any) -> None:
        """List the dead letters, or mark some for the process that holds the streams, which delivers them again."""
        journal = journal_of(site)
        if journal is None:
            raise ConfigurationError("JEXKIT['JOURNAL'] is None: without a journal there are no dead letters")
        letters = {letter.number: letter for letter in journal.dead_letters()}
        if not numbers and not options["all"]:
            for letter in letters.values():
                self.stdout.write(_line(letter))
        self._want(journal, numbers or (list(letters) if options["all"] else []))

    def _want(self, journal: Journal, numbers: list[int]) -> None:
        for number in numbers:
            journal.replay(number)
            self.stdout.write(f"{number} will be delivered again")

    # --- check ------------------------------------------------------------------------------------------------------

    def try_accounts(self, site: conf.Settings, *, names: list[str], **options: Any) -> None:
        """Try each account for real, and say what does not work."""
        del options
        wanted = {name: stream for name, stream in site.streams.items() if name in names or not names}
        if strange := set(names) - set(wanted):
            raise ConfigurationError(f"there is no stream {min(strange)!r}; there are {', '.join(site.streams)}")
        is_fine = True
        for name, account in accounts(wanted, os.environ):
            for result in check_account(name, account):
                self.stdout.write(f"{result.verdict:8}{name}: {result.what}{': ' + result.said if result.said else ''}")
                is_fine = is_fine and result.is_ok
        if not is_fine:
            raise UsageError("not everything works; see above")


def _line(letter: DeadLetter) -> str:
    event, wanted = letter.entry.event, "; to be delivered again" if letter.is_wanted else ""
    last = letter.traceback.strip().rpartition("\n")[2]
    return f"{letter.number}: {letter.callback} on {event.stream} {event.id}: {last}{wanted}"
