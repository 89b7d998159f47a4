/** Dialogs that edit, assign and delete a site. */

import { useNavigate } from "react-router";
import { useMutation } from "urql";

import { FormDialog } from "../components/FormDialog";
import { DayField, describeEffect, EffectiveFromField, TextInput } from "../components/fields";
import { today } from "../components/format";
import { Notice } from "../components/Notice";
import { AssignSiteDocument, DeleteSiteDocument, UnassignSiteDocument, UpdateSiteDocument } from "../schema";
import { ReplacedPeriods } from "./ReplacedPeriods";
import type { Site } from "./types";
import { NO_VPP, VppField } from "./VppField";

export function EditSite({ site }: { site: Site }) {
  const [, updateSite] = useMutation(UpdateSiteDocument);
  return (
    <FormDialog
      name="edit-site"
      title="Edit the site"
      initial={{ nmi: site.nmi, address: site.address }}
      submitLabel="Save"
      submit={(values) => updateSite({ input: { id: site.id, ...values } })}
    >
      {(form) => (
        <>
          <TextInput form={form} name="address" label="Address" isRequired autoFocus />
          <TextInput
            form={form}
            name="nmi"
            label="NMI"
            hint="10 characters, or 11 with the check digit. Event files identify the site by its NMI"
            isRequired
          />
          <p className="notice accent">
            Both change immediately, for every month. Existing reports keep the values they were settled with.
          </p>
        </>
      )}
    </FormDialog>
  );
}

export function AssignSite({ site }: { site: Site }) {
  const [, assignSite] = useMutation(AssignSiteDocument);
  return (
    <FormDialog
      name="assign-site"
      title="Assign to another VPP"
      initial={{ vppId: NO_VPP, effectiveFrom: today() as string | null }}
      submitLabel="Assign"
      validate={({ vppId }): { vppId?: string } => (vppId.id ? {} : { vppId: "Choose a VPP from the list." })}
      submit={({ vppId: { id }, effectiveFrom }) =>
        assignSite({ input: { siteId: site.id, vppId: id, effectiveFrom, forAllTime: effectiveFrom === null } })
      }
    >
      {(form) => (
        <>
          <VppField form={form} />
          <EffectiveFromField form={form} subject="The new membership" />
          <ReplacedPeriods periods={site.memberships} effectiveFrom={form.values.effectiveFrom} noun="memberships" />
        </>
      )}
    </FormDialog>
  );
}

/** Ends the membership on a day, without another VPP. */
export function UnassignSite({ site }: { site: Site }) {
  const [, unassignSite] = useMutation(UnassignSiteDocument);
  return (
    <FormDialog
      name="unassign-site"
      title="Leave the VPP"
      initial={{ effectiveFrom: today() }}
      submitLabel="Leave the VPP"
      tone="danger"
      submit={({ effectiveFrom }) => unassignSite({ input: { siteId: site.id, effectiveFrom } })}
    >
      {(form) => (
        <>
          <DayField
            label="First day in no VPP"
            value={form.values.effectiveFrom}
            onChange={(day) => form.set("effectiveFrom", day ?? today())}
            problem={form.problem("effectiveFrom")}
            hint="A settlement date, in NEM time (UTC+10)"
          />
          <p className="notice accent">{describeEffect("Leaving", form.values.effectiveFrom)}</p>
          <Notice tone="warn">Events of the site from that day on count in no report.</Notice>
          <ReplacedPeriods periods={site.memberships} effectiveFrom={form.values.effectiveFrom} noun="memberships" />
        </>
      )}
    </FormDialog>
  );
}

export function DeleteSite({ site }: { site: Site }) {
  const navigate = useNavigate();
  const [, deleteSite] = useMutation(DeleteSiteDocument);
  return (
    <FormDialog
      name="delete-site"
      title={`Delete the site ${site.nmi}?`}
      initial={{}}
      submitLabel="Delete site"
      tone="danger"
      submit={() => deleteSite({ input: { id: site.id } })}
      onDone={() => navigate(site.vpp ? `/vpps/${site.vpp.id}` : "/")}
    >
      {() => (
        <Notice tone="warn">
          The site is deleted permanently, with its memberships and batteries. Only a site without events can be
          deleted.
        </Notice>
      )}
    </FormDialog>
  );
}
