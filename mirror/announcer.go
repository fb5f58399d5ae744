package mirror

import (
	"context"
	"encoding/json"

	"patchferry/layout"
)

// Announcer talks to a source of bulletins; *csaf.Provider, *bulletins.Folder
// and *bulletins.Pages do. Get may be called concurrently.
type Announcer interface {
	// List asks what the source announces now. prev is the Memory of the last
	// list that was taken in whole, nil for none: where nothing changed since,
	// List costs one request or two and is NotModified.
	List(ctx context.Context, prev json.RawMessage) (*layout.AnnouncedList, error)
	// Get gets one document with what stands beside it, unless it is still the
	// one that prev belongs to. A document of more than 4 MiB, of
	// layout.MaxUnsigned where its publisher signs nothing, is an error; a
	// signature or a file of digests that is not there is none.
	Get(ctx context.Context, item layout.Announced, prev layout.Validators) (*layout.Announcement, error)
}
