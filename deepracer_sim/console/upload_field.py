"""The field that takes files from the browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui

HEADER = """
<div class="upload-header">
  <q-btn outline no-caps color="primary" icon="attach_file" label="{label}" @click="props.pickFiles">
    <q-uploader-add-trigger />
  </q-btn>
  <span class="soft">or drop here</span>
  <q-spinner v-if="props.isUploading" color="primary" size="1.4rem" />
</div>
"""


def upload_field(
    label: str, endings: str, refuse: Callable[[str], None], limit: str, **options: Any
) -> ui.upload:
    """Add a field that uploads files as soon as they are chosen.

    Args:
        label: on its button.
        endings: of the files, with commas.
        refuse: called with words when files do not get here.
        limit: how large they may be, in words.
        options: further ones of `ui.upload`.
    """
    refused = f"Refused: {limit}, and must end in {endings.replace(',', ', ')}"
    field = ui.upload(auto_upload=True, on_rejected=lambda: refuse(refused), **options)
    field.props(f'flat bordered accept="{endings}"').classes("upload-field")
    field.on("failed", lambda: refuse(f"The upload failed: {limit}"))
    field.add_slot("header", HEADER.format(label=label))
    return field
