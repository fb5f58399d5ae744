package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"patchferry/cmd/patchferry/internal/sample"
)

// publish runs the publisher of the demo alone, until it is interrupted. Its
// files are listed as a source of the kind links has them.
func (a *app) publish(ctx context.Context, o demoOptions) (err error) {
	p := sample.Publisher{Listen: cmp.Or(o.listen, publisherListen), Plain: true}
	if err := p.Start(ctx); err != nil {
		return withHint(err, "patchferry demo --publisher --listen 127.0.0.1:0")
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, f := range p.Files() {
		if err := a.printf("%s size=%d sha256=%s\n", f.URL, f.Size, f.SHA256); err != nil {
			return err
		}
	}
	a.note("%s publishes %d sample files; Ctrl-C ends it", p.URL("/"), len(p.Files()))
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return nil // that is how it ends
	}
	return fmt.Errorf("the publisher ended: %w", context.Cause(ctx))
}
