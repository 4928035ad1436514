package rpc

import (
	"cmp"
	cmdline "flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = cmdline.Bool("update", false, "write the tables of API.md")

const tablesFrom = "<!-- tables: from here on kept by TestAPI (go test ./rpc -run TestAPI -update) -->\n"

// TestAPI holds API.md to the tables.
func TestAPI(t *testing.T) {
	b, err := os.ReadFile("API.md")
	if err != nil {
		t.Fatal(err)
	}
	text, _, ok := strings.Cut(string(b), tablesFrom)
	if !ok {
		t.Fatal("API.md has no place for the tables")
	}
	want := text + tablesFrom + tables()
	if *update {
		if err := os.WriteFile("API.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Error("API.md differs from the tables: go test ./rpc -run TestAPI -update")
	}
}

// tables describes all names.
func tables() string {
	var b strings.Builder
	b.WriteString("\n## Methods\n")
	for _, m := range methods {
		fmt.Fprintf(&b, "\n**%s**%s: %s\n", m.name, other(m.name, m.old), m.doc)
		for _, p := range m.params {
			fmt.Fprintf(&b, "- `%s`%s %s\n", p.name, other(p.name, p.old), p.doc)
		}
	}
	b.WriteString("\n## Fields of torrent_get\n\n| Name | Old dialect | What it is |\n|---|---|---|\n")
	for _, f := range torrentFields {
		line(&b, f.name, f.old, f.doc)
	}
	objects(&b)
	b.WriteString("\n## Changes: arguments of torrent_set and torrent_add\n\n`torrent_add` does not take " + strings.Join(notAdded, ", ") +
		".\n\n| Name | Old dialect | What it is |\n|---|---|---|\n")
	for _, a := range changes {
		line(&b, a.name, a.old, a.doc)
	}
	b.WriteString("\n## Settings of session_get and session_set\n\n| Name | Old dialect | May be set | What it is |\n|---|---|---|---|\n")
	for _, s := range settings {
		may := "no"
		if s.setKept != nil || s.set != nil && !strings.HasPrefix(s.name, "script_") {
			may = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.name, s.old, may, cmp.Or(s.doc, plain))
	}
	b.WriteString("\n## Fields of session_stats\n\n| Name | Old dialect | What it is |\n|---|---|---|\n")
	for _, f := range statFields {
		line(&b, f.name, f.old, f.doc)
	}
	return b.String()
}

// plain is said of what needs no description.
const plain = "as its name says"

func line(b *strings.Builder, name, old, doc string) {
	fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", name, old, cmp.Or(doc, plain))
}

func other(name, old string) string {
	if name == old {
		return ""
	}
	return " (`" + old + "`)"
}

func objects(b *strings.Builder) {
	b.WriteString("\nObjects within, as name and, where it differs, spelling in the old dialect:\n\n")
	names(b, "files", fileFields)
	names(b, "file_stats", fileStatFields)
	names(b, "peers", peerFields)
	names(b, "peers_from", sourceFields)
	names(b, "trackers", trackerFields)
	names(b, "tracker_stats", trackerStatFields)
}

func names[T any](b *strings.Builder, of string, list []field[T]) {
	fmt.Fprintf(b, "- `%s`:", of)
	for i, f := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, " `%s`%s", f.name, other(f.name, f.old))
	}
	b.WriteByte('\n')
}
