"""Everything that setuptools needs to know is in setup.cfg; but that each build begins anew."""
import os
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildAnew(build_py):
    """Without the modules that an earlier build has left in ``build/`` and that are gone by now."""

    def run(self):
        """Empty the folder first; never one that somebody has named, or that is no build's."""
        build_base = self.get_finalized_command("build").build_base
        if self.build_lib.startswith(os.path.join(build_base, "")) \
                and not getattr(self, "editable_mode", False):
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


setup(cmdclass={"build_py": BuildAnew})
