# NixOS: the config is in the store and cannot be written. The tokens live in /var/lib/kometa-trakt.
{ pkgs, trakt-config, kometa, ... }:
{
  systemd.services.kometa = {
    description = "Media manager";
    startAt = "03:00";
    serviceConfig = {
      Type = "oneshot";
      User = "kometa";
      StateDirectory = "kometa-trakt";
      StateDirectoryMode = "0700";
      EnvironmentFile = "/run/secrets/trakt-app"; # KOMETA_TRAKT_CLIENT_ID, KOMETA_TRAKT_CLIENT_SECRET
      ExecStart = "${trakt-config}/bin/trakt-config exec --min-validity 6h /var/lib/kometa-trakt/trakt.yml -- ${kometa}/bin/kometa --run --read-only-config";
      TimeoutStopSec = 100;
    };
  };
}
