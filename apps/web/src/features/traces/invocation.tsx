import { Link } from "react-router";
import { paths } from "../../paths.ts";
import { Badge, type BadgeTone } from "../../ui/badge.tsx";
import { DescriptionList } from "../../ui/description-list.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Amount } from "../../ui/number.tsx";
import { Time } from "../../ui/time.tsx";
import { type Moment, timelineOf, type TraceItem } from "./timeline.ts";

const SOURCES: Readonly<Record<Moment["source"], string>> = { gateway: "Gateway", log: "Log", telemetry: "Telemetry" };
const TONES: Readonly<Record<NonNullable<Moment["level"]>, BadgeTone>> = { debug: "neutral", info: "neutral", warn: "warn", error: "bad" };
const TRACK_WIDTH = 1_000;
const MARKS: Readonly<Record<Moment["source"], string>> = { gateway: "fill-accent", log: "fill-muted", telemetry: "fill-good" };

interface InvocationProps {
  item: TraceItem & { agentName: string | null; version: number | null };
  title: string;
}

export function Invocation({ item, title }: InvocationProps) {
  const { invocation, telemetry, version } = item;
  const moments = timelineOf(item);
  return (
    <section aria-labelledby={invocation.id} className="rounded-lg border border-line bg-surface p-5">
      <h2 id={invocation.id} className="mb-4 flex flex-wrap items-center gap-2 text-lg font-semibold">
        {title}
        <Badge tone={invocation.errorCode === null ? "good" : "bad"}>{invocation.errorCode ?? "OK"}</Badge>
      </h2>
      {invocation.errorMessage !== null && (
        <div className="mb-4">
          <Notice tone="bad">{invocation.errorMessage}</Notice>
        </div>
      )}
      <DescriptionList
        entries={[
          { term: "Began", value: <Time value={invocation.startedAt} /> },
          { term: "Duration", value: <Milliseconds value={invocation.durationMs} /> },
          { term: "Status", value: `HTTP ${invocation.statusCode}` },
          { term: "Deployment", value: <DeploymentLink invocation={invocation} version={version} /> },
          ...(telemetry === null ? [] : meteredEntries(telemetry)),
        ]}
      />
      {telemetry === null && <p className="mt-4 text-sm text-muted">The figures of this invocation have not arrived yet.</p>}
      <h3 className="mt-6 mb-2 font-semibold">Time line</h3>
      <Track moments={moments} />
      <ol className="mt-3 flex flex-col divide-y divide-line">
        {moments.map((moment, position) => (
          // A line may be said twice at the same time.
          <li key={position} className="grid gap-x-4 gap-y-1 py-2 sm:grid-cols-[7rem_9rem_minmax(0,1fr)]">
            <time dateTime={moment.at} className="font-mono text-sm text-muted tabular-nums">
              <Offset value={moment.offsetMs} />
            </time>
            <span className="flex items-start gap-1">
              <Badge tone={moment.source === "gateway" ? "accent" : moment.source === "telemetry" ? "good" : "neutral"}>
                {SOURCES[moment.source]}
              </Badge>
              {moment.level !== null && <Badge tone={TONES[moment.level]}>{moment.level}</Badge>}
            </span>
            <span className={moment.source === "log" ? "font-mono text-sm whitespace-pre-wrap" : ""}>{moment.text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function DeploymentLink({ invocation, version }: { invocation: TraceItem["invocation"]; version: number | null }) {
  if (version === null) return "Deleted";
  return (
    <Link to={paths.deployment(invocation.agentId, invocation.deploymentId)} className="text-accent hover:underline">
      Version {version}
    </Link>
  );
}

function meteredEntries(telemetry: NonNullable<TraceItem["telemetry"]>) {
  return [
    {
      term: telemetry.tokensEstimated ? "Tokens, estimated" : "Tokens",
      value: <Amount value={telemetry.tokens} />,
    },
    { term: "Compute", value: <Milliseconds value={telemetry.computeMs} /> },
    ...(telemetry.toolCalls > 0 ? [{ term: "Tool calls", value: <Amount value={telemetry.toolCalls} /> }] : []),
    ...(telemetry.platformToolCalls > 0
      ? [{ term: "Calls of the platform's tools", value: <Amount value={telemetry.platformToolCalls} /> }]
      : []),
    ...(telemetry.errorClass === null ? [] : [{ term: "Kind of error", value: telemetry.errorClass }]),
    {
      term: "Cost, estimated",
      value: <Amount value={telemetry.costUsdEstimated} options={{ style: "currency", currency: "USD", maximumSignificantDigits: 3 }} />,
    },
  ];
}

/** The same as the list below, at a glance. */
function Track({ moments }: { moments: readonly Moment[] }) {
  const first = moments[0]?.offsetMs ?? 0;
  const length = Math.max((moments.at(-1)?.offsetMs ?? 0) - first, 1);
  return (
    <svg aria-hidden viewBox={`-8 0 ${TRACK_WIDTH + 16} 16`} preserveAspectRatio="none" className="h-4 w-full">
      <rect x={0} y={6} width={TRACK_WIDTH} height={4} className="fill-hover" />
      {moments.map(({ offsetMs, source, level }, position) => (
        <rect
          key={position}
          x={((offsetMs - first) / length) * TRACK_WIDTH - 2}
          y={1}
          width={4}
          height={14}
          className={level === "error" ? "fill-bad" : MARKS[source]}
        />
      ))}
    </svg>
  );
}

function Milliseconds({ value }: { value: number }) {
  return (
    <>
      <Amount value={value} options={{ maximumFractionDigits: 0 }} /> ms
    </>
  );
}

function Offset({ value }: { value: number }) {
  return (
    <>
      <Amount value={value} options={{ maximumFractionDigits: 0, signDisplay: "exceptZero" }} /> ms
    </>
  );
}
