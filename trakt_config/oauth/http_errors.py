"""Why a request failed, told from a foreign exception without a word of its text.

The exceptions of requests and urllib3 wrap each other and hold the request; only the names of
their classes are looked at.
"""
from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from traceback import walk_tb

from trakt_config.errors import TraktUnavailable, came_by_signal, printable
from trakt_config.oauth.patience import Watch

_BAD_PROXY = ("the address of the proxy is not valid", "Check HTTPS_PROXY and ALL_PROXY.")

#: What requests and urllib3 say of an address that they cannot parse, or look up.
_BAD_ADDRESS = {"InvalidURL", "LocationParseError", "LocationValueError", "UnicodeError",
                "URLSchemeUnknown"}

_UNKNOWN = ("the request failed", "Check the network and the proxy settings.")

_TOO_SLOW = ("{host} did not answer within {timeout:.0f} s", "Try again later.")

#: Causes by the names of exceptions in the chain, the most telling first. Names, because the
#: classes differ between urllib3 1 and 2, and importing them would cost every fresh run.
_CAUSES = (
    ({"SSLCertVerificationError"}, "the TLS certificate of {host} is not trusted",
     "Where a proxy or virus scanner inspects TLS, set REQUESTS_CA_BUNDLE to its CA file; "
     "check the clock of this machine too."),
    ({"InvalidProxyURL"}, *_BAD_PROXY),
    ({"InvalidSchema"}, "the proxy is of a kind that is not supported here",
     'Check HTTPS_PROXY and ALL_PROXY; for SOCKS, install "requests[socks]".'),
    ({"InvalidURL"}, "the address of Trakt is not valid",
     "Check TRAKT_CONFIG_OAUTH_URL and TRAKT_CONFIG_API_URL."),
    ({"ProxyError"}, "the proxy refused to connect to {host}",
     "Check HTTPS_PROXY and ALL_PROXY, and the proxy itself."),
    ({"gaierror", "NameResolutionError"}, "the name {host} could not be resolved",
     "Check the network and its DNS."),
    ({"ConnectionRefusedError"}, "{host} refused the connection", "Check the network."),
    ({"NewConnectionError"}, "no connection to {host} could be made", "Check the network."),
    ({"ConnectTimeout", "ConnectTimeoutError"}, "connecting to {host} timed out",
     "Check the network and its firewall."),
    ({"ReadTimeout", "ReadTimeoutError"}, *_TOO_SLOW),
    ({"SSLError"}, "the TLS connection to {host} failed",
     "Check the network, and HTTPS_PROXY and REQUESTS_CA_BUNDLE where they are set."),
    ({"ConnectionError", "ProtocolError"}, "the connection to {host} was cut", "Try again later."),
)

#: The request failed before it could be sent.
_BEFORE_SENDING = {
    "ConnectTimeout", "ConnectTimeoutError", "ConnectionRefusedError", "InvalidHeader",
    "InvalidProxyURL", "InvalidSchema", "InvalidURL", "MissingSchema", "NameResolutionError",
    "NewConnectionError", "ProxyError", "SSLCertVerificationError", "gaierror",
}

#: It may have been sent, whatever else is in the chain.
_AFTER_SENDING = {"IncompleteRead", "ReadTimeout", "ReadTimeoutError", "RemoteDisconnected"}


def explained(error: Exception, watch: Watch, host: str, *, foreign: bool = False,
              repeats: bool = False) -> TraktUnavailable:
    """Our exception for a foreign one.

    :param watch: how far the request came.
    :param foreign: a session of the caller's sent, which may raise anything at any time.
    :param repeats: and it may have sent before it failed.
    """
    words, hint = _cause(error, watch)
    if watch.connecting:
        sent = watch.connected
    else:
        sent = repeats or may_have_sent(error) or foreign and not _is_of_urllib3(error)
    if host in ("localhost", "127.0.0.1", "::1") and not sent:  # Nobody's Trakt but a sandbox's.
        hint = ("It is this machine: unset TRAKT_CONFIG_OAUTH_URL and TRAKT_CONFIG_API_URL, or "
                "start what listens there.")
    what = "Trakt was asked, and no answer came" if sent else "Trakt could not be asked"
    if foreign and (words, hint) == _UNKNOWN:
        words, hint = "the session raised {raised}", "Correct the session, or its adapter."
    said = words.format(host=host, timeout=watch.seconds, raised=_raised(error))
    return TraktUnavailable(f"{what}: {said}", hint=hint, outcome_unknown=sent)


def raised_by_signal(error: Exception) -> BaseException | None:
    """What a signal handler of the host's raised, and what became this error on its way."""
    links = filter(came_by_signal, _chain(error))
    # urllib3 gives what it wraps an error in the traceback of that error, too.
    return min(links, key=lambda link: sum(1 for _ in _chain(link)), default=None)


def may_have_sent(error: Exception) -> bool:
    """Whether a byte of the body may have left, by the exception alone; True when in doubt."""
    if _is_missing_ca_bundle(error):
        return False
    names = _names(error)
    if names & _AFTER_SENDING:
        return True
    # OpenSSL's own errors, except for a certificate's, also come while an answer is read.
    of_openssl = any(type(link).__module__ == "ssl" for link in _chain(error))
    return not (names & _BEFORE_SENDING or "SSLError" in names and not of_openssl)


def _is_of_urllib3(error: Exception) -> bool:
    """Whether it comes, by requests, from a connection that could not be made.

    What a caller's own code raises by itself says nothing about what it has sent before.
    """
    return any(type(link).__module__.partition(".")[0] == "urllib3" for link in _chain(error))


def _cause(error: Exception, watch: Watch) -> tuple[str, str]:
    names = _names(error)
    if watch.proxied and not watch.connected and names & _BAD_ADDRESS:
        return _BAD_PROXY  # Trakt's own address was looked at before.
    if _is_missing_ca_bundle(error):
        return ("the file with the CA certificates does not exist",
                "Check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE.")
    if any(isinstance(link, OSError) and link.errno in (errno.EMFILE, errno.ENFILE)
           for link in _chain(error)):
        return ("this process or machine has no file descriptors left",
                "Close what is open, or raise the limit (ulimit -n).")
    if watch.expired:
        return _TOO_SLOW
    in_handshake = watch.connecting and not watch.connected
    if in_handshake and names & {"ReadTimeout", "ReadTimeoutError"}:
        return "the TLS connection to {host} timed out", "Check the network and its firewall."
    for telling, words, hint in _CAUSES:
        if names & telling:
            return words, hint
    return _UNKNOWN


def _raised(error: Exception) -> str:
    """What a caller's own code raised, and where. It cannot be the cause of ours: its frames hold
    the request, and its text may.
    """
    frames = list(walk_tb(error.__traceback__))
    if not frames:
        return type(error).__name__
    frame, line = frames[-1]
    name = os.path.basename(frame.f_code.co_filename)
    return printable(f"{type(error).__name__} (in line {line} of {name})")


def _is_missing_ca_bundle(error: Exception) -> bool:
    return type(error) is OSError and str(error).startswith("Could not find ")


def _names(error: BaseException) -> set[str]:
    """The class names of everything that led to `error`."""
    names = {cls.__name__ for link in _chain(error) for cls in type(link).__mro__}
    tunnel = any(str(link).startswith("Tunnel connection failed") for link in _chain(error)
                 if type(link) is OSError)
    return names | {"ProxyError"} if tunnel else names


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and all that it wraps: requests and urllib3 use args, ``reason``, and causes."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            waiting += [*link.args, getattr(link, "reason", None), link.__cause__,
                        link.__context__]
            yield link
