"""AppSync's directive @aws_subscribe, which the schema applies and does not define: AppSync defines it itself."""

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], name="aws_subscribe", print_definition=False)
class AwsSubscribe:
    mutations: list[str]
