"""Files of models for the browser: pictures, videos, reports. Nothing but what is named here."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path

from fastapi import HTTPException
from fastapi.responses import FileResponse
from nicegui import app

from deepracer_sim.console.garage import Garage
from deepracer_sim.console.model.past_evaluations import PICTURE, VIDEO, past_evaluations
from deepracer_sim.errors import ModelError
from deepracer_sim.garage.stored_model import StoredModel

REPORT = "report.html"
SANDBOX = "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; " \
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"  # fmt: skip
"""A report holds what users wrote: whatever might be in it reaches neither the console nor the network."""
MEDIA = {PICTURE: "image/png", VIDEO: "video/mp4"}


def report_file(model: StoredModel) -> Path | None:
    """Return the analysis report of what drives; None if there is none."""
    try:
        file = model.policy_path() / REPORT
    except ModelError:
        return None
    return file if file.is_file() and not file.is_symlink() else None


def add(garage: Garage) -> None:
    """Register what browsers may fetch."""

    async def opened(name: str) -> StoredModel:
        try:
            return await to_thread(garage.store.open, name)
        except ModelError as error:
            raise HTTPException(404, str(error)) from error

    @app.get("/models/{name}/evaluations/{key}/{file}")
    async def evaluation_file(name: str, key: str, file: str) -> FileResponse:
        found = await to_thread(past_evaluations, await opened(name))
        path = next((one.file(file) for one in found if one.key == key), None)
        if path is None:
            raise HTTPException(404, "no such evaluation")
        return FileResponse(path, media_type=MEDIA[file])

    @app.get("/models/{name}/report")
    async def report(name: str) -> FileResponse:
        path = await to_thread(report_file, await opened(name))
        if path is None:
            raise HTTPException(404, "no report was made yet")
        headers = {"content-security-policy": SANDBOX, "cache-control": "no-store"}
        return FileResponse(path, media_type="text/html; charset=utf-8", headers=headers)
