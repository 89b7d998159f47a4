-- The schema that PostGraphile builds its API from: views of the rows in force today, and a function for the mutation.
-- mercurius and the hand-written ASGI app read api.events, too.
create schema api;

create view api.vpps as
select vpps.id, name, revenue_percentage::float8, daily_fee_aud::float8
from public.vpps
join public.price_schedules on vpp_id = vpps.id and effective @> timezone(interval '10 hours', now())::date;

create view api.sites as
select sites.id, nmi, address, vpp_id
from public.sites
left join public.memberships on site_id = sites.id and effective @> timezone(interval '10 hours', now())::date;

create view api.batteries as
select batteries.id, site_id, manufacturer, serial, capacity_kwh::float8
from public.batteries
join public.battery_capacities on battery_id = id and effective @> timezone(interval '10 hours', now())::date
where installed @> timezone(interval '10 hours', now())::date;

create view api.revenue_reports as
select id, vpp_id, month from public.revenue_reports;

create view api.line_items as
select
    report_id, nmi, address, capacity_kwh::float8, member_days, revenue_aud, ad_valorem_fee_aud, event_share_aud,
    capacity_share_aud, before_fees_aud, daily_fee_aud, waived_fee_aud, after_fees_aud
from public.site_line_items;

-- Unnests the event blocks as this API's own statement does, which takes half of the time of the view public.events.
create view api.events as
select
    site_id, month + (day - 1) as settlement_date, import_id, line_number,
    case when is_discharge then 'DISCHARGE' else 'CHARGE' end as event_type,
    energy_microkwh::float8 / 1000000 as energy_kwh,
    (case when is_discharge then tariff_microcents_per_kwh else -tariff_microcents_per_kwh end)::float8 / 1000000
        as tariff_cents_per_kwh,
    trim_scale(energy_microkwh::numeric * tariff_microcents_per_kwh * 0.00000000000001) as value_aud
from (
    select
        import_id, site_id, month, unnest(days) as day, unnest(discharges) as is_discharge,
        unnest(energies_microkwh) as energy_microkwh, unnest(tariffs_microcents_per_kwh) as tariff_microcents_per_kwh,
        unnest(line_numbers) as line_number, unnest(duplicates) as is_duplicate
    from public.event_blocks
    join public.site_months using (import_id, site_id, month)
    where repeats is null
) unnested
where is_duplicate is not true;

comment on view api.vpps is '@primaryKey id';
comment on view api.sites is E'@primaryKey id\n@unique nmi\n@foreignKey (vpp_id) references vpps (id)';
comment on view api.batteries is E'@primaryKey id\n@foreignKey (site_id) references sites (id)';
comment on view api.revenue_reports is '@primaryKey id';
comment on view api.line_items is E'@primaryKey report_id,nmi\n@foreignKey (report_id) references revenue_reports (id)';
comment on view api.events is E'@primaryKey import_id,line_number\n@foreignKey (site_id) references sites (id)';

create function api.add_battery(site_id uuid, manufacturer text, serial text, capacity_kwh float8)
returns api.batteries
language sql
as $$
    with battery as (
        insert into public.batteries (id, site_id, manufacturer, serial, installed)
        values (gen_random_uuid(), add_battery.site_id, add_battery.manufacturer, add_battery.serial, '(,)')
        returning *
    ),
    capacity as (
        insert into public.battery_capacities (battery_id, effective, capacity_kwh)
        select id, installed, add_battery.capacity_kwh from battery
        returning *
    )
    select battery.id, battery.site_id, battery.manufacturer, battery.serial, capacity.capacity_kwh::float8
    from battery, capacity
$$;
