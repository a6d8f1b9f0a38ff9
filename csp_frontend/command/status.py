"""`personal-csp status`: what the agent says of itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
def status(as_json: bool) -> None:
    """Show the running agent: its clients and tokens, which PINs it remembers (their names), versions."""
    from csp_frontend import endpoint
    from csp_frontend.client import Client
    from csp_frontend.client_link import Link

    Link(endpoint.default_path(), bytes(16)).close()  # says why there is none
    with Client(program="personal-csp status") as client:
        document = client.status()
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for line in _lines(document):
        click.echo(line)


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    agent = document["agent"]
    yield f"Agent {agent['version']}, protocol {agent['protocol']}, process {agent['pid']}, since {_at(agent['since'])}"
    yield f"Clients: {len(document['clients'])}"
    for client in document["clients"]:
        who = f"{client['program']} ({client['pid']})"
        yield f"  {who}, {client['connections']} connections, since {_at(client['since'])}"
    yield f"Tokens: {len(document['tokens'])}"
    for token in document["tokens"]:
        yield f"  {token['reader']}: {token['profile']} {token['serial']}"
    yield f"Remembered PINs: {len(document['cached_pins'])}"
    for pin in document["cached_pins"]:
        yield f"  {pin['pin']} of {pin['token']} for {pin['program']} ({pin['pid']})"
    yield f"Certificates in Windows' stores: {'kept' if document['certificates']['on'] else 'switched off'}"
    for thumbprint in document["certificates"]["foreign"]:
        yield f"  {thumbprint} stands there already, and not by us"


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
