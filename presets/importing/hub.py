"""What does a Hugging Face repository say of its model? Its config.json and the headers of its weights, nothing else.

The client is huggingface_hub's, with its own settings (HF_ENDPOINT, HF_HUB_OFFLINE, proxies) and without a token.
Nothing is written to its cache, no code of the repository is fetched, and answers are cut off at a limit.
"""

import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from huggingface_hub import constants, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import get_session, hf_raise_for_status, httpx, validate_repo_id

from presets.importing.header import Header
from presets.importing.safetensors_header import INDEX_BYTES, header_bytes, read_index, read_safetensors
from presets.importing.text import CONFIG_BYTES, quoted, read_object

WAIT_S = 5.0  # for the server to say anything
WHOLE_S = 30.0  # for all that is fetched of a model
MOST_FILES = 200
FIRST_BYTES = 1 << 18  # nearly every header is shorter
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.safetensors", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """What was found in a repository; `notes` say what was not."""

    name: str
    config: Mapping[str, Any] | None
    header: Header | None
    notes: tuple[str, ...] = ()


class _Client:
    """Requests for one repository's files, within one span of time."""

    def __init__(self, repository: str) -> None:
        self.repository, self.until = repository, time.monotonic() + WHOLE_S
        self.headers = {"User-Agent": "weighbridge"}  # and no token: what this server may read is no visitor's

    def get(self, file: str, *, most: int, enough: int | None = None) -> bytes | None:
        """A file of at most `most` bytes, or its first `enough`; None where the repository has no such file."""
        url = hf_hub_url(self.repository, file)
        headers = self.headers if enough is None else {**self.headers, "Range": f"bytes=0-{enough - 1}"}
        data = bytearray()
        try:
            with get_session().stream("GET", url, headers=headers, timeout=WAIT_S) as answer:
                hf_raise_for_status(answer)
                for part in answer.iter_bytes():
                    data += part
                    if enough is not None and len(data) >= enough:
                        return bytes(data[:enough])
                    if len(data) > most:
                        raise ValueError(f"{file} of {self.repository}: more than {most:,} bytes; it was not read on")
                    if time.monotonic() > self.until:
                        raise ValueError(f"{file} of {self.repository}: not there after {WHOLE_S:.0f} s; try again")
        except (OfflineModeIsEnabled, httpx.HTTPError) as error:
            why = self._why(file, error)
            if why is None:
                return None
            raise ValueError(f"Hugging Face: {why}.") from error
        return bytes(data)

    def _why(self, file: str, error: Exception) -> str | None:
        """Why there is no answer, and what to do; None where only this file is missing."""
        where, name = constants.ENDPOINT, self.repository
        if isinstance(error, GatedRepoError):
            return f"{name} is gated: accept its terms there, download its config.json and import that"
        if isinstance(error, RepositoryNotFoundError):
            return f"{where} has no public repository {name}; check the name, as in owner/name"
        if isinstance(error, EntryNotFoundError):
            return None
        if isinstance(error, HfHubHTTPError):
            status = error.response.status_code
            return None if status == 404 else f"{where} answered {status} for {file} of {name}; try again later"
        if isinstance(error, httpx.TimeoutException):
            return f"{where} did not answer within {WAIT_S:.0f} s; try again, or import a file"
        return f"{where} cannot be reached from this server, which may have no network; import a file instead"

    def header(self, file: str) -> bytes:
        """The header of a .safetensors file."""
        data = self.get(file, most=FIRST_BYTES, enough=FIRST_BYTES)
        if data is None:
            raise ValueError(f"{file} of {self.repository}: is in the index, but not in the repository")
        size = header_bytes(data)
        if size > len(data):
            data = self.get(file, most=size, enough=size) or b""
        return data[:size]


def repository_id(text: str) -> str:
    """The repository that a visitor names; raises ValueError for what is none, such as an address or a path."""
    name = text.strip()
    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ValueError(
            f"{quoted(name)} is no repository of Hugging Face; owner/name was expected, such as Qwen/Qwen3-8B"
        ) from error
    return name


def fetch(text: str) -> Repository:
    """What a repository says of its model.

    Raises ValueError in a sentence: no such name, not found, gated, no network, too slow, too large, or unreadable.
    """
    name = repository_id(text)
    client = _Client(name)
    data = client.get("config.json", most=CONFIG_BYTES)
    config = None if data is None else read_object(data, what="config.json")
    try:
        header = _header(client, name)
        notes = () if header else ("It has no .safetensors weights, so only its config.json was read.",)
    except ValueError as error:
        if config is None:
            raise
        header, notes = None, (f"Only its config.json was read. {error}",)
    if config is None and header is None:
        raise ValueError(f"Hugging Face: {name} has neither a config.json nor .safetensors weights")
    return Repository(name=name, config=config, header=header, notes=notes)


def _header(client: _Client, name: str) -> Header | None:
    """The headers of all the repository's weights, None where it has none."""
    index = client.get("model.safetensors.index.json", most=INDEX_BYTES)
    if index is None:
        start = client.get("model.safetensors", most=FIRST_BYTES, enough=FIRST_BYTES)
        return None if start is None else read_safetensors([client.header("model.safetensors")], name=name)
    files = read_index(index).files
    if len(files) > MOST_FILES or not all(FILE.fullmatch(file) for file in files):
        raise ValueError(f"the index names {len(files):,} files; at most {MOST_FILES} .safetensors files are read")
    with ThreadPoolExecutor(8) as pool:
        return read_safetensors(list(pool.map(client.header, files)), name=name)
