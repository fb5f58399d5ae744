package updates_test

import (
	"testing"

	"patchferry/mirror/upstream/parsetest"
	"patchferry/mirror/upstream/updates"
)

func TestGolden(t *testing.T) {
	parsetest.Golden(t, "testdata/*.jsonl", updates.Parse)
}
