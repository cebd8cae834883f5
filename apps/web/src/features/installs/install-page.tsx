import { createInstall, fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, data, Link, type LoaderFunctionArgs, useActionData, useLoaderData } from "react-router";
import { apiOf, type Attempt, marketplaceOf, type PageArgs, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { ButtonLink } from "../../ui/button.tsx";
import { Notice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { ConfirmForm } from "./confirm-form.tsx";
import { Installed } from "./installed.tsx";
import { loadOffer, type Offer } from "./load-offer.server.ts";
import { describeProgress, isOpen } from "./progress.ts";

export const meta = () => [{ title: "Install – WebHost Systems" }];

/** `?listingId=` begins an install; `?installIntentId=` goes on with one, and is where the marketplace sends its buyers. */
export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const search = new URL(args.request.url).searchParams;
  const intentId = search.get("installIntentId");
  const idempotencyKey = crypto.randomUUID();
  if (intentId === null) {
    const listingId = search.get("listingId") ?? "";
    if (listingId === "") throw data(null, { status: 404 });
    return { intent: null, offer: await loadOffer(args, listingId), idempotencyKey };
  }
  const { installIntent } = await marketplaceOf(args).call(fleetprompt.getIntent, { id: intentId });
  const offer = await loadOffer(args, installIntent.listingId, installIntent.releaseId);
  return { intent: installIntent, offer, idempotencyKey };
}

/**
 * Everything between the marketplace and WHS happens here, on the server: the token is in no page, no URL and no cookie.
 * A form that is sent again goes on where it was: the same key yields the same intent and token, and those one agent.
 */
export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const idempotencyKey = textOf(form, "idempotencyKey") ?? crypto.randomUUID();
  const intent = await intentOf(args, form, idempotencyKey);
  if (!intent.ok) return { problem: intent.problem, idempotencyKey };
  const issued = await marketplaceOf(args).attempt(fleetprompt.issueToken, {
    id: intent.answer,
    body: {},
    idempotencyKey: `${idempotencyKey}-token`,
  });
  if (!issued.ok) return { problem: issued.problem, idempotencyKey };
  const name = textOf(form, "name");
  const installed = await apiOf(args).attempt(createInstall, {
    body: { installToken: issued.answer.installToken, ...(name === undefined ? {} : { name }) },
  });
  if (!installed.ok) return { problem: installed.problem, idempotencyKey };
  const { agent, missingSecrets } = installed.answer;
  if (missingSecrets.length > 0) return { agent: { id: agent.id, name: agent.name }, missingSecrets };
  return redirectWith(args.context, paths.agent(agent.id), `Agent ${agent.name} is installed, and is being deployed.`);
}

async function intentOf(args: PageArgs, form: FormData, idempotencyKey: string): Promise<Attempt<string>> {
  const known = textOf(form, "installIntentId");
  if (known !== undefined) return { ok: true, answer: known };
  const created = await marketplaceOf(args).attempt(fleetprompt.createIntent, {
    body: { listingId: textOf(form, "listingId") ?? "", releaseId: textOf(form, "releaseId") ?? "", targetSystem: "whs" },
    idempotencyKey: `${idempotencyKey}-intent`,
  });
  return created.ok ? { ok: true, answer: created.answer.installIntent.installIntentId } : created;
}

export default function InstallPage() {
  const { intent, offer, idempotencyKey } = useLoaderData<typeof loader>();
  const answer = useActionData<typeof action>();
  if (answer?.agent !== undefined) return <Installed agent={answer.agent} missingSecrets={answer.missingSecrets} />;
  const form = { idempotencyKey: answer?.idempotencyKey ?? idempotencyKey, problem: answer?.problem };
  return (
    <div className="max-w-2xl">
      <PageHeader
        title={offer.listing === null ? "Install" : `Install ${offer.listing.name}`}
        description={
          offer.listing !== null && (
            <p>
              <Link to={paths.listing(offer.listing.listingId)} className="text-accent underline underline-offset-2">
                {offer.listing.name}
              </Link>{" "}
              by {offer.listing.publisher.displayName}
            </p>
          )
        }
      />
      {intent === null ? <Begin offer={offer} {...form} /> : <GoOn intent={intent} offer={offer} {...form} />}
    </div>
  );
}

type FormState = Pick<Parameters<typeof ConfirmForm>[0], "idempotencyKey" | "problem">;

function Begin({ offer, ...form }: { offer: Offer } & FormState) {
  const { listing, plan, whsVersion } = offer;
  if (listing === null || listing.assetKind !== "whs_agent") return <Notice tone="warn">This is nothing that WHS can run.</Notice>;
  return (
    <>
      <Plan offer={offer} />
      {plan?.chosen != null && (
        <ConfirmForm
          {...form}
          names={{ listingId: listing.listingId, releaseId: plan.chosen.releaseId }}
          version={plan.chosen.version}
          whsVersion={whsVersion}
        />
      )}
    </>
  );
}

function GoOn({ intent, offer, ...form }: { intent: fleetprompt.InstallIntent; offer: Offer } & FormState) {
  const { tone, sentence } = describeProgress(intent);
  if (isOpen(intent) && offer.listing !== null && offer.version !== null) {
    return (
      <ConfirmForm {...form} names={{ installIntentId: intent.installIntentId }} version={offer.version} whsVersion={offer.whsVersion} />
    );
  }
  return (
    <div className="flex flex-col gap-4">
      <Notice tone={tone}>{isOpen(intent) ? "This release is not offered any more." : sentence}</Notice>
      <div className="flex flex-wrap gap-2">
        {intent.outcome === "installed" && (
          <ButtonLink look="primary" to={paths.agents()}>
            To my agents
          </ButtonLink>
        )}
        {intent.outcome !== "installed" && offer.listing !== null && (
          <ButtonLink look="primary" to={paths.installListing(intent.listingId)}>
            Begin again
          </ButtonLink>
        )}
        <ButtonLink to={paths.installs()}>To my installs</ButtonLink>
      </div>
    </div>
  );
}

/** Which release fits, and why no newer one does. */
function Plan({ offer: { plan, whsVersion } }: { offer: Offer }) {
  if (plan === null) return <Notice tone="warn">What fits cannot be told at the moment. Try again.</Notice>;
  const stack = whsVersion === null ? "your WHS" : `your WHS ${whsVersion}`;
  return (
    <div className="mb-6">
      <Notice tone={plan.chosen === null ? "warn" : "info"}>
        <p className="font-medium">
          {plan.chosen === null ? `No release fits ${stack}.` : `Release ${plan.chosen.version} is the newest that fits ${stack}.`}
        </p>
        {plan.rejected.length > 0 && (
          <ul aria-label="Newer releases" className="mt-1 list-disc pl-5 text-sm">
            {plan.rejected.map(({ releaseId, version, reasons }) => (
              <li key={releaseId}>
                {version} {reasons.join("; ")}
              </li>
            ))}
          </ul>
        )}
      </Notice>
    </div>
  );
}
