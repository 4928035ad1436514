package keys

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write docs/keys.md anew")

// TestPage: docs/keys.md says what the table says.
func TestPage(t *testing.T) {
	const page = "../../docs/keys.md"
	want := Markdown()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != want {
		t.Errorf("docs/keys.md is not what the table of keys says (%v): go test ./tui/keys -update", err)
	}
}
