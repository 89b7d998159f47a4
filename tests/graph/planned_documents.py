"""
A document for every root field that is planned; between them they ask for every field and argument that is.

Each list is asked for a page of it, `$limit` long and behind `$after`.
"""

_VPP = "id name revenuePercentage dailyFeeAud createdAt updatedAt"
_TERMS = "revenuePercentage dailyFeeAud effectiveFrom effectiveUntil"
_SITE = "id nmi address createdAt updatedAt"
_BATTERY = "id manufacturer serial capacityKwh effectiveFrom effectiveUntil createdAt updatedAt"
_EVENT = "id lineNumber settlementDate eventType energyKwh tariffCentsPerKwh valueAud"
_IMPORT = """id kind status fileName percentComplete bytesTotal bytesRead rowsRead rowsImported rowsDuplicated
    rowsRejected failureReason createdAt startedAt finishedAt"""
_REPORT = "id vppId month revision isLatest status failureReason createdAt"
_TOTALS = "totalRevenueAud adValoremFeeAud dailyFeesAud costOnlyAud vppTotalAud siteTotalAud"
_LINE = """nmi address capacityKwh memberDays revenueAud adValoremFeeAud eventShareAud capacityShareAud beforeFeesAud
    dailyFeeAud waivedFeeAud afterFeesAud"""
_PARK = "id name timezone energyType createdAt updatedAt"
_DAY = "date minPowerMw maxPowerMw sumPowerMw meanPowerMw readingCount"

PLANNED = {
    "getVpp": f"""query ($vpp: ID!, $day: AWSDate, $limit: Int, $after: String) {{ getVpp(id: $vpp) {{ {_VPP} __typename
        priceSchedules {{ {_TERMS} }}
        sites(on: $day, limit: 2) {{ items {{ {_SITE} vpp {{ id }} }} nextToken }}
        rest: sites(limit: $limit, nextToken: $after) {{ items {{ nmi }} nextToken }}
        revenueReports(limit: 2) {{ items {{ {_REPORT} vpp {{ name }} totals {{ {_TOTALS} }} }} nextToken }}
    }} }}""",
    "getVpp.revenueReports": """query ($vpp: ID!, $limit: Int, $after: String) { getVpp(id: $vpp) {
        revenueReports(limit: $limit, nextToken: $after) { items { month revision } nextToken }
    } }""",
    "getVppByName": f"query ($name: String!) {{ getVppByName(name: $name) {{ {_VPP} sites {{ nextToken }} }} }}",
    "listVpps": f"""query ($part: String, $limit: Int, $after: String) {{
        listVpps(filter: {{nameContains: $part}}, limit: $limit, nextToken: $after) {{ nextToken items {{
            {_VPP} priceSchedules {{ {_TERMS} }} sites(limit: 1) {{ items {{ {_SITE} }} nextToken }}
            revenueReports(limit: 1) {{ items {{ {_REPORT} }} nextToken }}
        }} }}
    }}""",
    "getSite": f"""query ($site: ID!, $day: AWSDate, $from: AWSDate, $until: AWSDate, $limit: Int, $after: String) {{
        getSite(id: $site) {{ {_SITE}
            vpp {{ {_VPP} }} then: vpp(on: $day) {{ name }}
            memberships {{ effectiveFrom effectiveUntil vpp {{ {_VPP} }} }}
            batteries {{ {_BATTERY} site {{ nmi }} }} stood: batteries(on: $day) {{ serial }}
            capacityKwh had: capacityKwh(on: $day)
            events(from: $from, until: $until, limit: $limit, nextToken: $after) {{
                items {{ {_EVENT} site {{ nmi }} import {{ {_IMPORT} }} }} nextToken
            }}
        }}
    }}""",
    "getSiteByNmi": f"query ($nmi: String!) {{ getSiteByNmi(nmi: $nmi) {{ {_SITE} vpp {{ name }} capacityKwh }} }}",
    "listSites": f"""query ($filter: SiteFilterInput, $limit: Int, $after: String) {{
        listSites(filter: $filter, limit: $limit, nextToken: $after) {{ items {{ {_SITE}
            vpp {{ name priceSchedules {{ {_TERMS} }} }} memberships {{ effectiveFrom vpp {{ name }} }}
            batteries {{ {_BATTERY} }} capacityKwh events(limit: 2) {{ items {{ {_EVENT} }} nextToken }}
        }} nextToken }}
    }}""",
    "getBattery": f"query ($battery: ID!) {{ getBattery(id: $battery) {{ {_BATTERY} site {{ {_SITE} }} }} }}",
    "getImport": f"""query ($import: ID!, $limit: Int, $after: String) {{ getImport(id: $import) {{ {_IMPORT}
        park {{ {_PARK} }}
        rejections(limit: $limit, nextToken: $after) {{ items {{ lineNumber column code message row }} nextToken }}
    }} }}""",
    "listImports": f"""query ($filter: ImportFilterInput, $limit: Int, $after: String) {{
        listImports(filter: $filter, limit: $limit, nextToken: $after) {{
            items {{ {_IMPORT} park {{ name }} rejections(limit: 1) {{ items {{ code }} nextToken }} }} nextToken
        }}
    }}""",
    "getRevenueReport": f"""query ($report: ID!, $limit: Int, $after: String) {{ getRevenueReport(id: $report) {{
        {_REPORT} vpp {{ {_VPP} }} totals {{ {_TOTALS} }}
        lineItems(limit: $limit, nextToken: $after) {{ items {{ {_LINE} site {{ {_SITE} }} }} nextToken }}
    }} }}""",
    "getLatestRevenueReport": f"""query ($vpp: ID!) {{ getLatestRevenueReport(vppId: $vpp, month: "2025-09") {{
        {_REPORT} totals {{ {_TOTALS} }}
    }} }}""",
    "listRevenueReports": f"""query ($filter: RevenueReportFilterInput, $limit: Int, $after: String) {{
        listRevenueReports(filter: $filter, limit: $limit, nextToken: $after) {{ items {{
            {_REPORT} vpp {{ name }} totals {{ {_TOTALS} }}
            lineItems(limit: 2) {{ items {{ {_LINE} site {{ address }} }} nextToken }}
        }} nextToken }}
    }}""",
    "getPark": f"""query ($park: ID!, $from: AWSDateTime, $until: AWSDateTime, $limit: Int, $after: String) {{
        getPark(id: $park) {{ {_PARK} readings(from: $from, until: $until, limit: $limit, nextToken: $after) {{
            items {{ park {{ name }} intervalStart powerMw }} nextToken
        }} }}
    }}""",
    "getParkByName": f"query ($parkName: String!) {{ getParkByName(name: $parkName) {{ {_PARK} }} }}",
    "listParks": f"""query ($filter: ParkFilterInput, $limit: Int, $after: String) {{
        listParks(filter: $filter, limit: $limit, nextToken: $after) {{ items {{ {_PARK}
            readings(limit: 3) {{ items {{ intervalStart powerMw }} nextToken }}
        }} nextToken }}
    }}""",
    "listEnergyReadings": f"""query ($filter: EnergyReadingFilterInput, $limit: Int, $after: String) {{
        listEnergyReadings(filter: $filter, limit: $limit, nextToken: $after) {{
            items {{ intervalStart powerMw park {{ {_PARK} }} }} nextToken
        }}
    }}""",
    "listParkDailyStats": f"""query ($filter: StatsFilterInput, $limit: Int, $after: String) {{
        listParkDailyStats(filter: $filter, limit: $limit, nextToken: $after) {{
            items {{ {_DAY} park {{ {_PARK} }} }} nextToken
        }}
    }}""",
    "listApiKeys": """query ($limit: Int, $after: String) { listApiKeys(limit: $limit, nextToken: $after) { items {
        id name prefix role vppIds siteIds createdAt expiresAt lastUsedAt revokedAt
    } nextToken } }""",
    "listAuditEntries": """query ($filter: AuditEntryFilterInput, $limit: Int, $after: String) {
        listAuditEntries(filter: $filter, limit: $limit, nextToken: $after) { items {
            id at authType callerName apiKeyId requestId action objectType objectId old new
        } nextToken }
    }""",
}

# What is computed, or told of the caller or of the schema, is no read.
NOT_PLANNED = frozenset(
    {
        *("Query.getCaller", "Query.simulateRevenueReport", "Query.listEnergyTypeDailyStats"),
        *("RevenueReport.isStale", "RevenueReport.downloadUrl", "Import.rejectionsUrl"),
    }
)
