"""What a program does that promises nothing: load, one request, dump. Run as a process."""
from __future__ import annotations

import os
import sys


def main(path: str) -> None:
    """Refresh the authorization in the config at `path`."""
    import requests
    from ruamel.yaml import YAML

    yaml = YAML()
    with open(path, encoding="utf-8") as stream:
        data = yaml.load(stream)
    trakt = data["trakt"]
    answer = requests.post(
        os.environ["TRAKT_CONFIG_OAUTH_URL"] + "/oauth/token", timeout=10,
        headers={"trakt-api-version": "2", "trakt-api-key": trakt["client_id"],
                 "User-Agent": "naive/1"},
        json={"grant_type": "refresh_token", "client_id": trakt["client_id"],
              "client_secret": trakt["client_secret"],
              "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
              "refresh_token": trakt["authorization"]["refresh_token"]})
    answer.raise_for_status()
    trakt["authorization"].update(answer.json())
    with open(path, "w", encoding="utf-8") as stream:
        yaml.dump(data, stream)


if __name__ == "__main__":
    main(sys.argv[1])
