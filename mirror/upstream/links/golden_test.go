package links_test

import (
	"testing"

	"patchferry/mirror/upstream/links"
	"patchferry/mirror/upstream/parsetest"
)

func TestGolden(t *testing.T) {
	parsetest.Golden(t, "testdata/*.txt", links.Parse)
}
