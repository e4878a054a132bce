"""Which files do several commands take, and by which options?"""

from pathlib import Path
from typing import Final

import click

_OF_THE_REPOSITORY: Final = Path(__file__).parents[2] / "agents"

agents_option = click.option(
    "--agents",
    "agents_dir",
    default=_OF_THE_REPOSITORY,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The agents' folder. Default: the repository's.",
)
speech_option = click.option(
    "--wav",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What the caller says: a 16-bit WAV file.",
)
