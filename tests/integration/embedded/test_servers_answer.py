"""Every embedded server speaks its protocol to the client library that the service uses."""

import time
import uuid

import asyncpg
import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic
from redis.asyncio import Redis
from temporalio.client import Client


async def test_postgres_answers(postgres_admin_url: str) -> None:
    connection = await asyncpg.connect(postgres_admin_url.replace("+asyncpg", ""))
    try:
        assert await connection.fetchval("SELECT current_database()") == "agf"
        assert (await connection.fetchval("SHOW server_version")).startswith("18")
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    finally:
        await connection.close()


async def test_valkey_answers(redis_url: str) -> None:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        await client.set("name", "value")
        assert await client.get("name") == "value"
        assert (await client.config_get("appendonly"))["appendonly"] == "yes"


async def test_temporal_answers(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    assert await client.service_client.check_health()
    assert (await client.count_workflows()).count == 0


def test_kafka_delivers_what_was_produced(kafka_brokers: str) -> None:
    topic = f"topic-{uuid.uuid4()}"
    admin = AdminClient({"bootstrap.servers": kafka_brokers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka_brokers, "enable.idempotence": True})
    producer.produce(topic, key=b"tenant", value=b"payload", headers={"ce_type": b"agf.test"})
    assert producer.flush(10) == 0
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka_brokers, "group.id": topic})
    try:
        # Assigned, not subscribed: joining a group takes this broker more than 20 s.
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        message = _poll(consumer, within_seconds=10)
        assert (message.key(), message.value()) == (b"tenant", b"payload")
        assert message.headers() == [("ce_type", b"agf.test")]
    finally:
        consumer.close()


def _poll(consumer: confluent_kafka.Consumer, within_seconds: float) -> confluent_kafka.Message:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            return message
    raise AssertionError("Nothing was delivered.")
