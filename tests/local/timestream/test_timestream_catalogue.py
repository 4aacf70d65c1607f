"""Databases, tables and tags by boto3."""

import pytest

from iotstream.local.timestream import ServiceError

DATABASE, TABLE = "iot_timestream_db", "iot_table"


def test_a_database_from_its_making_to_its_end(service, connect):
    client = connect(service)
    made = client.create_database(DatabaseName="db_one", Tags=[{"Key": "team", "Value": "iot"}])["Database"]
    assert (made["DatabaseName"], made["TableCount"]) == ("db_one", 0)
    assert made["Arn"].endswith(":database/db_one")
    assert made["KmsKeyId"]
    key = "arn:aws:kms:us-east-1:123456789012:key/other"
    updated = client.update_database(DatabaseName="db_one", KmsKeyId=key)["Database"]
    assert updated["KmsKeyId"] == key
    assert updated["LastUpdatedTime"] >= updated["CreationTime"] == made["CreationTime"]
    assert client.describe_database(DatabaseName="db_one")["Database"] == updated
    client.create_table(DatabaseName="db_one", TableName="t_one")
    with pytest.raises(client.exceptions.ValidationException, match="still has tables"):
        client.delete_database(DatabaseName="db_one")
    client.delete_table(DatabaseName="db_one", TableName="t_one")
    client.delete_database(DatabaseName="db_one")
    for act in (client.describe_database, client.delete_database):
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="db_one"):
            act(DatabaseName="db_one")


def test_a_table_has_the_services_defaults(write):
    made = write.create_table(DatabaseName=DATABASE, TableName="plain")["Table"]
    assert made["TableStatus"] == "ACTIVE"
    assert made["RetentionProperties"] == {
        "MemoryStoreRetentionPeriodInHours": 6,
        "MagneticStoreRetentionPeriodInDays": 73000,
    }
    assert made["MagneticStoreWriteProperties"] == {"EnableMagneticStoreWrites": False}
    assert made["Schema"] == {"CompositePartitionKey": [{"Type": "MEASURE"}]}
    assert write.describe_table(DatabaseName=DATABASE, TableName="plain")["Table"] == made


def test_an_update_changes_what_it_names(write):
    names = {"DatabaseName": DATABASE, "TableName": TABLE}
    before = write.describe_table(**names)["Table"]
    where = {"S3Configuration": {"BucketName": "rejected"}}
    magnetic = {"EnableMagneticStoreWrites": True, "MagneticStoreRejectedDataLocation": where}
    after = write.update_table(**names, MagneticStoreWriteProperties=magnetic)["Table"]
    assert after["MagneticStoreWriteProperties"] == magnetic
    assert after["RetentionProperties"] == before["RetentionProperties"]


@pytest.mark.parametrize(
    ("hours", "days"), [(0, 1), (8767, 1), (1, 0), (1, 73_001)], ids=["hours-", "hours+", "days-", "days+"]
)
def test_retention_has_bounds(service, write, hours, days):
    retention = {"MemoryStoreRetentionPeriodInHours": hours, "MagneticStoreRetentionPeriodInDays": days}
    # boto3 would not send some of them.
    with pytest.raises(ServiceError, match=r"ValidationException: .*RetentionProperties"):
        service.call(
            "UpdateTable",
            {"DatabaseName": DATABASE, "TableName": TABLE, "RetentionProperties": retention},
            0.0,
        )


@pytest.mark.parametrize("name", ["ab", "a" * 257, "white space", "slash/", "ümlaut"])
def test_names_have_rules(write, name):
    with pytest.raises(write.exceptions.ValidationException, match="3 to 256"):
        write.create_database(DatabaseName=name)
    with pytest.raises(write.exceptions.ValidationException, match="3 to 256"):
        write.create_table(DatabaseName=DATABASE, TableName=name)


def test_what_is_there_is_not_made_again(write):
    with pytest.raises(write.exceptions.ConflictException):
        write.create_table(DatabaseName=DATABASE, TableName=TABLE)


@pytest.mark.parametrize(
    "key", [{"Type": "DIMENSION"}, {"Type": "MEASURE", "Name": "x"}], ids=["no name", "a name too many"]
)
def test_partition_keys_have_rules(write, key):
    with pytest.raises(write.exceptions.ValidationException, match="partition key"):
        write.create_table(DatabaseName=DATABASE, TableName="odd", Schema={"CompositePartitionKey": [key]})


def test_lists_come_in_pages(write):
    for number in range(23):
        write.create_database(DatabaseName=f"db_{number:02}")
        write.create_table(DatabaseName=DATABASE, TableName=f"t_{number:02}")
    first = write.list_databases()
    assert len(first["Databases"]) == 20
    second = write.list_databases(NextToken=first["NextToken"])
    names = [one["DatabaseName"] for one in first["Databases"] + second["Databases"]]
    assert names == [*(f"db_{number:02}" for number in range(23)), DATABASE]
    assert "NextToken" not in second
    page = write.list_tables(DatabaseName=DATABASE, MaxResults=5)
    assert [one["TableName"] for one in page["Tables"]] == [TABLE, "t_00", "t_01", "t_02", "t_03"]
    assert len(write.list_tables()["Tables"]) == 20
    with pytest.raises(write.exceptions.ValidationException, match="NextToken"):
        write.list_tables(NextToken="odd")
    with pytest.raises(write.exceptions.ResourceNotFoundException):
        write.list_tables(DatabaseName="nowhere")


def test_tags(write, ask):
    arn = write.describe_table(DatabaseName=DATABASE, TableName=TABLE)["Table"]["Arn"]
    write.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    write.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "3"}])
    write.untag_resource(ResourceARN=arn, TagKeys=["b", "never there"])
    assert ask.client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    with pytest.raises(write.exceptions.ServiceQuotaExceededException, match="200"):
        write.tag_resource(ResourceARN=arn, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(200)])
    write.delete_table(DatabaseName=DATABASE, TableName=TABLE)
    with pytest.raises(write.exceptions.ResourceNotFoundException):
        write.list_tags_for_resource(ResourceARN=arn)
    write.create_table(DatabaseName=DATABASE, TableName=TABLE)
    assert write.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
