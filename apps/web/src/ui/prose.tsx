/**
 * What people wrote, as the marketplace's API has rendered it: by its one policy, which lets nothing through that runs,
 * loads or hides. No other HTML may be given to this, and nothing else in the app shows HTML as it is.
 */
export function Prose({ html }: { html: string }) {
  return <div className="prose" dangerouslySetInnerHTML={{ __html: html }} />;
}
