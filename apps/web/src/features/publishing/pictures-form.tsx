import type { fleetprompt } from "@whs/api";
import { Form, useNavigation } from "react-router";
import { Button } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";

/** As the API bounds them. */
const MOST = 10;

/** The listing's pictures, in their order; the first one is shown largest. */
export function PicturesForm({ images, error }: { images: fleetprompt.PublisherListing["images"]; error: string | undefined }) {
  const pending = useNavigation().formData?.get("do") === "add-picture";
  return (
    <section aria-labelledby="pictures" className="flex flex-col gap-3">
      <h2 id="pictures" className="text-lg font-semibold">
        Pictures
      </h2>
      {images.length > 0 && (
        <ul className="grid gap-3 sm:grid-cols-3 xl:grid-cols-5">
          {images.map(({ url, alt }, index) => (
            <li key={url} className="flex flex-col gap-2">
              <img src={url} alt={alt} className="aspect-video w-full rounded-md border border-line bg-sunken object-contain" />
              <Form method="post">
                <input type="hidden" name="do" value="remove-picture" />
                <input type="hidden" name="url" value={url} />
                <Button type="submit" aria-label={`Remove picture ${index + 1}`}>
                  Remove
                </Button>
              </Form>
            </li>
          ))}
        </ul>
      )}
      {images.length < MOST && (
        <Form method="post" encType="multipart/form-data" className="grid max-w-3xl items-end gap-3 sm:grid-cols-[1fr_1fr_auto]">
          <input type="hidden" name="do" value="add-picture" />
          <TextField
            label="Picture"
            name="picture"
            type="file"
            required
            accept="image/png,image/jpeg,image/webp,image/gif"
            hint="PNG, JPEG, WebP or GIF, at most 2 MiB."
            error={error}
          />
          <TextField label="What it shows" name="alt" maxLength={200} hint="For whoever does not see it." />
          <Button type="submit" pending={pending}>
            Add picture
          </Button>
        </Form>
      )}
    </section>
  );
}
