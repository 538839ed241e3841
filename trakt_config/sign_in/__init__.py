"""A person signs in: by device code, in a browser on this machine, or with a pin."""
from trakt_config.sign_in.methods import DeviceCode, Dialog, login
from trakt_config.sign_in.registration import NEW_APP_PAGE, block, missing, register

__all__ = ["NEW_APP_PAGE", "DeviceCode", "Dialog", "block", "login", "missing", "register"]
