package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout/store/s3"
)

const storeFlagHelp = "where the store is, in place of a directory in DIR: the `URL` of a bucket that exists, s3://BUCKET/PREFIX?endpoint=https://HOST:PORT, as the key store of the configuration has it"

// storeFlag is the flag --store of init.
func storeFlag(cmd *cobra.Command, s *setup) {
	cmd.Flags().StringVar(&s.store, "store", "", storeFlagHelp)
}

// config returns the configuration that a setup in dir will have.
func (s *setup) config(dir string) (*config.Config, error) {
	role := config.Role("near")
	if s.far {
		role = config.Far
	}
	c := config.ForSetup(role, dir)
	if s.store == "" {
		return c, nil
	}
	if !config.IsBucket(s.store) {
		return nil, withHint(usageError("--store takes the URL of a bucket"), "without --store the store is a directory in DIR; patchferry store migrate FROM TO moves it elsewhere")
	}
	c, err := c.WithStore(s.store, dir)
	if err != nil {
		return nil, withHint(usageError("--store: %w", err), "--store 's3://BUCKET/PREFIX?endpoint=https://HOST:PORT&credentials=FILE'")
	}
	return c, nil
}

// withStore puts the store into the example configuration.
func (s *setup) withStore(text string) string {
	if s.store == "" {
		return text
	}
	return strings.Replace(text, `store = "store" `, "store = "+strconv.Quote(s.store)+" ", 1)
}

// lack is something that the engine of a bucket does not honour (docs/json.md).
type lack struct {
	Check   string `json:"check"`
	Asks    string `json:"asks"`
	Found   string `json:"found"`
	Instead string `json:"instead"`
}

// makeOwnStore makes the store of a setup whose keys and pins are there, and
// returns what the engine of a bucket does not honour.
func makeOwnStore(ctx context.Context, c *config.Config) (lacks []lack, err error) {
	kept, err := makeStore(ctx, c)
	if err != nil {
		return nil, err
	}
	if bucket, ok := kept.(*s3.Bucket); ok {
		lacks, err = lacksOf(ctx, bucket)
	}
	if err = errors.Join(err, kept.Close()); err != nil {
		return nil, fmt.Errorf("make the store: %w", err)
	}
	return lacks, checkOwn(ctx, c)
}

// lacksOf asks the engine what it honours.
func lacksOf(ctx context.Context, bucket *s3.Bucket) ([]lack, error) {
	p, err := bucket.Probe(ctx)
	if err != nil {
		return nil, err
	}
	var all []lack
	for _, check := range p.Checks {
		if check.Result != s3.Honoured {
			all = append(all, lack{check.Name, check.Asks, check.Found, check.Instead})
		}
	}
	if p.Writable() {
		return all, nil
	}
	var what []string
	for _, l := range all {
		what = append(what, fmt.Sprintf("%s (%s)", l.Asks, l.Found))
	}
	return nil, fmt.Errorf("the engine cannot keep a store; it must: %s", strings.Join(what, "; "))
}

// checkOwn makes sure that a store which was there already is one of these keys.
// One without a state is nobody's; if this machine saw more before, the jobs say so.
func checkOwn(ctx context.Context, c *config.Config) error {
	s, err := openSite(ctx, c)
	if err != nil {
		return err
	}
	defer s.Close() // it was only read
	if n, err := s.store.Newest(ctx); err != nil || n == 0 {
		return err
	}
	if _, err := s.reader.Newest(ctx); err != nil {
		return withHint(fmt.Errorf("%s is the store of another mirror: %w", c.StoreName(), err),
			"an empty bucket or prefix; for one more machine on that store copy patchferry.toml and keys from the one that made it")
	}
	return nil
}

// noteLacks tells people what the engine does not honour.
func (a *app) noteLacks(lacks []lack) {
	for _, l := range lacks {
		a.note("store: the engine does not: %s (%s); instead: %s", l.Asks, l.Found, l.Instead)
	}
}
