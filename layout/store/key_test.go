package store_test

import (
	"strings"
	"testing"

	"patchferry/layout"
	"patchferry/layout/store"
)

func TestKeys(t *testing.T) {
	d := layout.DigestOf([]byte("x"))
	hex := "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	for _, tt := range []struct{ got, want string }{
		{store.ObjectKey(d), "objects/sha256/2d/" + hex},
		{store.BindingKey(d), "bindings/2d/" + hex + ".json"},
		{store.StateKey(42), "states/0000000042.asc"},
		{store.StateKey(store.MaxState), "states/9999999999.asc"},
	} {
		if tt.got != tt.want {
			t.Errorf("key: got %q, want %q", tt.got, tt.want)
		}
	}
}

// FuzzParseKeys: what parses is exactly what the functions above write.
func FuzzParseKeys(f *testing.F) {
	d := layout.DigestOf([]byte("x"))
	for _, key := range []string{
		store.ObjectKey(d), store.BindingKey(d), store.StateKey(1), store.StateKey(store.MaxState),
		strings.ToUpper(store.ObjectKey(d)), "states/0000000000.asc", "states/+000000001.asc", "states/1.asc",
		"states/10000000000.asc", "objects/sha256/00/" + d.String(), "bindings/2d/" + d.String(), "", "/",
	} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		object, isObject := store.ParseObjectKey(key)
		if isObject && store.ObjectKey(object) != key {
			t.Errorf("object key %q parses as %v", key, object)
		}
		binding, isBinding := store.ParseBindingKey(key)
		if isBinding && store.BindingKey(binding) != key {
			t.Errorf("binding key %q parses as %v", key, binding)
		}
		n, isState := store.ParseStateKey(key)
		if isState && (store.StateKey(n) != key || n == 0 || n > store.MaxState) {
			t.Errorf("state key %q parses as %d", key, n)
		}
		if isObject && isBinding || isObject && isState || isBinding && isState {
			t.Errorf("key %q is of two kinds", key)
		}
	})
}

func TestParseKeys(t *testing.T) {
	d := layout.DigestOf([]byte("x"))
	if got, ok := store.ParseObjectKey(store.ObjectKey(d)); got != d || !ok {
		t.Errorf("object: got %v, %v", got, ok)
	}
	if got, ok := store.ParseBindingKey(store.BindingKey(d)); got != d || !ok {
		t.Errorf("binding: got %v, %v", got, ok)
	}
	for _, n := range []uint64{1, 42, store.MaxState} {
		if got, ok := store.ParseStateKey(store.StateKey(n)); got != n || !ok {
			t.Errorf("state: got %d, %v, want %d", got, ok, n)
		}
	}
}
