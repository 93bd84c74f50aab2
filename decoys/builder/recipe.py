# SPDX-License-Identifier: GPL-2.0-or-later
"""A decoy's folder: profile.conf and persona.conf, which go with the image, and build.conf, which does not."""

import configparser
import os
import re
from pathlib import Path

from . import BuildError

DECOYS = Path(__file__).resolve().parent.parent
COMMON = DECOYS / "common"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
HOSTNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}")
MAC_PREFIX = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){2}")
ARCHITECTURES = ("arm", "mips", "mipsel", "sparc", "ppc", "sh4")
NEEDED = (("machine", "qemu"), ("machine", "machine"), ("machine", "cpu"), ("machine", "disk"), ("boot", "append"))
KINDS = ("instant", "source", "debian")


def read(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, ValueError, configparser.Error) as error:
        raise BuildError(f"{path}: {' '.join(str(error).split())}") from error
    return parser


class Recipe:
    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        self.profile = read(folder / "profile.conf")
        self.persona = read(folder / "persona.conf")
        self.settings = read(folder / "build.conf")
        self.kind = self.get("kind")
        if self.kind not in KINDS:
            raise BuildError(f"{folder}/build.conf: kind is one of {', '.join(KINDS)}")
        if not re.fullmatch(r"[1-9]\d{0,4}", self.get("disk-mb", "1")):
            raise BuildError(f"{folder}/build.conf: disk-mb is a number of megabytes, 1 to 99999")
        self.check_profile()
        self.check_persona()

    def get(self, word: str, default: str | None = None) -> str:
        value = self.settings.get("build", word, fallback=default)
        if value is None:
            raise BuildError(f"{self.folder}/build.conf lacks \"{word}\"")
        return value

    def words(self, word: str) -> list[str]:
        return self.get(word, "").split()

    @property
    def architecture(self) -> str:
        return self.profile.get("decoy", "architecture")

    @property
    def hostname(self) -> str:
        return self.persona.get("persona", "hostname", fallback="")

    @property
    def accounts(self) -> dict[str, str]:
        return dict(self.persona["accounts"])

    def check_profile(self) -> None:
        where = self.folder / "profile.conf"
        if self.profile.get("decoy", "name", fallback="") != self.name:
            raise BuildError(f"{where}: name is not that of its folder")
        if self.profile.get("decoy", "architecture", fallback="") not in ARCHITECTURES:
            raise BuildError(f"{where}: architecture is one of {', '.join(ARCHITECTURES)}")
        for section, word in NEEDED:
            if not self.profile.has_option(section, word):
                raise BuildError(f"{where}: [{section}] lacks {word}")

    def check_persona(self) -> None:
        where = self.folder / "persona.conf"
        if not HOSTNAME.fullmatch(self.hostname):
            raise BuildError(f"{where}: hostname has 1 to 31 letters, digits and hyphens")
        mac = self.persona.get("persona", "mac-prefix", fallback="")
        if not MAC_PREFIX.fullmatch(mac) or mac == "52:54:00" or int(mac[:2], 16) & 3:
            raise BuildError(f"{where}: mac-prefix is three bytes that a maker has, as 00:11:32")
        if not self.persona.has_option("accounts", "root"):
            raise BuildError(f"{where}: [accounts] lacks root")


def names() -> list[str]:
    return sorted(path.parent.name for path in DECOYS.glob("*/build.conf"))


def load(name: str) -> Recipe:
    if not NAME.fullmatch(name) or not os.path.exists(DECOYS / name / "build.conf"):
        raise BuildError(f"no decoy \"{name}\": there are {', '.join(names())}")
    return Recipe(DECOYS / name)
