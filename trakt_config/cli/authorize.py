"""``trakt-config authorize CONFIG...``: the main job, made to run before every job, unattended."""
from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Callable

from trakt_config.authorization.authorize import ensure_authorized
from trakt_config.authorization.run import Options, Result, logger
from trakt_config.cli import arguments, boundary, output
from trakt_config.errors import TraktConfigError, printable

if TYPE_CHECKING:
    from trakt_config.authorization.plan import Plan

DESCRIPTION = """\
Exchange a pin or refresh what is due, and write it back into the config. It never asks
anything, so it can run before every job, unattended."""

EXAMPLES = """\
  trakt-config authorize config.yml
  trakt-config authorize -q --min-validity 6h config.yml    before a job of six hours, from cron
  trakt-config authorize --dry-run config.yml               what would change, values masked
  trakt-config authorize config.yml --copy-to other.yml     give another config the access token"""


def add_arguments(parser: arguments.Parser) -> None:
    arguments.add_configs(parser)
    parser.too_many = ("name every CONFIG before the options; --copy-to takes one OTHER, and may "
                       "be repeated")
    arguments.add_min_validity(parser)
    parser.add_argument("--force", action="store_true", help="refresh although it is fresh")
    parser.add_argument("--copy-to", metavar="OTHER", action="append", default=[],
                        type=arguments.path,
                        help="give OTHER all but the refresh token; may be repeated")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--dry-run", action="store_true",
                      help="show what would be done, with all values masked, and do nothing")
    form.add_argument("--json", action="store_true", help="one JSON object for each config")


def run(options: argparse.Namespace) -> int:
    """Do each config; one that fails does not stop the others."""
    if options.copy_to and len(options.configs) > 1:
        options.refuse("--copy-to goes with one CONFIG: the one that holds the refresh token")
    options.warnings = output.Collector()
    logger.addHandler(options.warnings)
    options.shared = {}
    if len(options.configs) > 1:
        from trakt_config.authorization.shared import named_twice, shared_tokens
        options.shared = dict(shared_tokens(options.configs))
        for config, sentence in (*options.shared.items(), *named_twice(options.configs)):
            logger.warning("%s: %s", printable(config), sentence)
    if options.copy_to:
        with_copies = _plan_with_copies if options.dry_run else _authorize_with_copies
        return boundary.gravest(with_copies(options.configs[0], options))
    work = _plan if options.dry_run else _authorize
    return boundary.gravest(_each(config, options, partial(work, config, options))
                            for config in options.configs)


def _each(config: str, options: argparse.Namespace, work: Callable[[], object],
          **more: str) -> int:
    """The exit status for one file; with ``--json`` its error is an object too, with `more`."""
    options.warnings.begin(config, options.shared.get(config))

    def on_error(error: TraktConfigError) -> None:
        if options.json:
            output.json({**_object(config, options, "failed", error=error), **more})

    def alone() -> None:
        work()

    return boundary.exit_status(alone, verbose=options.verbose, on_error=on_error)


def _options(options: argparse.Namespace) -> Options:
    return Options(min_validity=options.min_validity, force=options.force)


def _authorize(config: str, options: argparse.Namespace) -> Result:
    result = ensure_authorized(config, _options(options))
    expires_at = result.authorization.expires_at
    if options.json:
        output.json(_object(config, options, result.outcome.value, expires_at))
    elif not options.quiet:
        output.done(f"{printable(config)}: {result.outcome.value}, {output.validity(expires_at)}")
    return result


def _plan(config: str, options: argparse.Namespace) -> Plan:
    from trakt_config.authorization.plan import plan
    found = plan(config, _options(options))
    _show(config, found)
    return found


def _show(config: str, found: Plan) -> None:
    output.out(f"{printable(config)}: {found.intention}")
    for note in filter(None, (found.left_over, found.obstacle)):
        logger.warning("%s: %s", printable(config), note)
    if found.diff:
        output.out(found.diff.rstrip("\n"))


# -- copies --------------------------------------------------------------------------------------

def _authorize_with_copies(holder: str, options: argparse.Namespace) -> Iterator[int]:
    """The exit status of the holder, and of each copy once that is authorized."""
    known = _disarm_twins(holder, options)
    results: list[Result] = []
    yield _each(holder, options, lambda: results.append(_authorize(holder, options)))
    for other in options.copy_to if results else ():
        yield _each(other, options, partial(_copy, other, holder, options, known, results[0]),
                    copy_of=printable(holder))


def _disarm_twins(holder: str, options: argparse.Namespace) -> frozenset[str]:
    """Before the refresh token is spent: what fails here fails again, and is told, when copying.

    Returns what the holder's tokens are by then.
    """
    from trakt_config.authorization.copy import disarm_twin, own_tokens
    try:
        known = own_tokens(holder, _options(options))
    except TraktConfigError:
        return frozenset()
    for other in options.copy_to:
        try:
            disarm_twin(other, holder, _options(options))
        except TraktConfigError:
            pass
    return known


def _copy(other: str, holder: str, options: argparse.Namespace, known: frozenset[str],
          result: Result) -> None:
    from trakt_config.authorization.copy import copy_to
    is_written = copy_to(other, holder, _options(options), known)
    expires_at = result.authorization.expires_at
    if options.json:
        output.json({**_object(other, options, "copied" if is_written else "fresh", expires_at),
                     "copy_of": printable(holder)})
    elif not options.quiet:
        what = "copied from" if is_written else "has the authorization of"
        output.done(f"{printable(other)}: {what} {printable(holder)}, "
                    f"{output.validity(expires_at)}")


def _plan_with_copies(holder: str, options: argparse.Namespace) -> Iterator[int]:
    """As :func:`_authorize_with_copies`."""
    plans: list[Plan] = []
    yield _each(holder, options, lambda: plans.append(_plan(holder, options)))
    for other in options.copy_to if plans else ():
        yield _each(other, options, partial(_plan_copy, other, holder, options, plans[0]))


def _plan_copy(other: str, holder: str, options: argparse.Namespace, of_holder: Plan) -> None:
    from trakt_config.authorization.copy import plan_copy
    _show(other, plan_copy(other, holder, _options(options), holder_stays=of_holder.leaves_tokens))


def _object(config: str, options: argparse.Namespace, outcome: str,
            expires_at: datetime | None = None,
            error: TraktConfigError | None = None) -> dict[str, Any]:
    return {
        "config": printable(config),
        "outcome": outcome,
        "expires_at": expires_at and output.rfc3339(expires_at),
        "expires_in": int(expires_at.timestamp() - time.time()) if expires_at else None,
        "warnings": options.warnings.sentences,
        "error": error and boundary.error_object(error),
    }
