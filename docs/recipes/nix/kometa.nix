# NixOS: the config is in the store and cannot be written. The tokens live in /var/lib/kometa-trakt.
#
# In your configuration, with a user `kometa` that you have made:
#   imports = [ (import ./kometa.nix { trakt_config = ./trakt_config;  # a checkout of it
#     kometa = ...;                                                    # your package of the host
#     configFile = ./config.yml; }) ];
# To sign in, once, as the user of the service and with its variables:
#   install -d -m 700 -o kometa /var/lib/kometa-trakt
#   install -m 600 -o kometa docs/recipes/trakt.yml /var/lib/kometa-trakt/trakt.yml
#   systemd-run --pty --uid=kometa -p EnvironmentFile=/run/secrets/trakt-app \
#     trakt-config login /var/lib/kometa-trakt/trakt.yml
{ trakt_config, kometa, configFile }:
{ pkgs, ... }:
let
  trakt-config = pkgs.python3Packages.buildPythonApplication {
    pname = "trakt_config";
    version = "0.1.0";
    src = trakt_config;
    pyproject = true;
    build-system = [ pkgs.python3Packages.setuptools ];
    dependencies = with pkgs.python3Packages; [ requests ruamel-yaml ];
  };
in
{
  environment.systemPackages = [ trakt-config ];
  systemd.services.kometa = {
    description = "Media manager";
    startAt = "03:00";
    serviceConfig = {
      Type = "oneshot";
      User = "kometa";
      StateDirectory = "kometa-trakt";
      StateDirectoryMode = "0700";
      EnvironmentFile = "/run/secrets/trakt-app"; # KOMETA_TRAKT_CLIENT_ID, KOMETA_TRAKT_CLIENT_SECRET
      ExecStart = "${trakt-config}/bin/trakt-config exec --min-validity 6h /var/lib/kometa-trakt/trakt.yml -- ${kometa}/bin/kometa --run --read-only-config --config ${configFile}";
      TimeoutStopSec = 100;
    };
  };
}
