"""Two workers are one node to whoever calls: each answers, a signed request passes once, the keys stay with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from node import keyring
from node.bench.processes import Federation
from node.clock import utc_ms
from node.settings import CONFIG_NAME
from node.tlog.note import Ed25519Signer
from node.wire import auth
from tests.store.postgres import needs_postgres, postgres_url
from tests.workers import Hub, command, hub_of, made_federation, until

pytestmark = [needs_postgres, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    with made_federation(tmp_path_factory.mktemp("federation")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(federation: Federation) -> AsyncIterator[Hub]:
    async with hub_of(federation) as hub:
        yield hub


async def test_every_worker_answers_and_says_who_it_is(serving: Hub) -> None:
    found: dict[int, str] = {}

    async def both() -> bool:
        status, body = await serving.get("/readyz")
        told = json.loads(body)
        assert status == 200 and told["workers"] == 2
        if told["jobs"] != "unknown":
            found[told["worker"]] = told["jobs"]
        return len(found) == 2

    await until(both)
    assert found == {serving.leader(): "here", 3 - serving.leader(): "elsewhere"}

    async def metrics_of_both() -> bool:
        _, body = await serving.get("/metrics")
        seen.update(number for number in (1, 2) if f'ggzy_jobs_here{{worker="{number}"}}'.encode() in body)
        return seen == {1, 2}

    seen: set[int] = set()
    await until(metrics_of_both)


async def test_a_signed_request_passes_at_one_worker_only(federation: Federation, serving: Hub) -> None:
    district, name = keyring_of(federation), serving.settings.name
    url = f"http://{serving.settings.host}:{serving.settings.port}"
    headers = auth.sign(district, "POST", "/api/hello", b"", to=name, created_s=utc_ms() // 1000, nonce="n" * 20)
    statuses: dict[int, list[int]] = {}

    async def both_asked() -> bool:
        """The same request again, on a connection whose worker has said who it is."""
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/readyz") as ready:
                worker = int((await ready.json())["worker"])
            async with session.post(f"{url}/api/hello", headers=headers) as answer:
                statuses.setdefault(worker, []).append(answer.status)
        return len(statuses) == 2

    await until(both_asked)
    answers = sorted(status for each in statuses.values() for status in each)
    assert answers == [200] + [401] * (len(answers) - 1)


def keyring_of(federation: Federation) -> Ed25519Signer:
    """The district's key for requests."""
    settings = federation.districts[0]
    return keyring.load(settings.keys, settings.name, settings.epoch).request


async def test_a_foreign_database_does_not_get_the_keys_while_workers_serve(serving: Hub, tmp_path: Path) -> None:
    """The workers share them, since they share the database; a second node with the same keys is refused."""
    other = tmp_path / CONFIG_NAME
    with postgres_url() as url:
        config = (serving.settings.directory / CONFIG_NAME).read_text()
        config = config.replace(serving.settings.database, url).replace(f"port = {serving.settings.port}", "port = 0")
        other.write_text(f'{config}keys_dir = "{serving.settings.keys}"\n')
        assert (await command("migrate", "-c", str(other)))[0] == 0
        status, told = await command("serve", "--workers", "2", "-c", str(other))
    assert status == 1
    assert "另一个进程正用同一套密钥操作另一个数据库" in told
    assert "workers_begin" not in told
