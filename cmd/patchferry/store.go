package main

import (
	"context"

	"patchferry/cmd/patchferry/internal/config"
	"patchferry/layout/store"
)

// keptStore is a store that this program opened and has to close.
type keptStore interface {
	store.Store
	Close() error
}

// openStore opens the store of a configuration.
func openStore(_ context.Context, c *config.Config) (keptStore, error) {
	return store.OpenDir(c.StorePath())
}
