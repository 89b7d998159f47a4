"""The one directive of AppSync's that the schema applies; AppSync knows it, so it is not defined."""

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], name="aws_subscribe", print_definition=False)
class AwsSubscribe:
    mutations: list[str]
