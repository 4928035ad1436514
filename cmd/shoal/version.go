package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version that is being worked towards, and the one that peers see.
const release = "0.1.0"

// version and commit are set by the linker for a release: -ldflags "-X
// main.version=1.2.3 -X main.commit=abc". Otherwise the build info tells.
var version, commit string

// clientName is how we introduce ourselves to peers.
const clientName = "shoal " + release

type versionEvent struct {
	event
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

func newVersion(con *console) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  shoal version\n  shoal version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v, c := versionOf(debug.ReadBuildInfo())
			con.Result("%s", versionLine())
			con.Event(versionEvent{newEvent("version"), v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH})
			return nil
		},
	}
}

// versionLine is what a person is told about this program.
func versionLine() string {
	v, c := versionOf(debug.ReadBuildInfo())
	if c != "" {
		c = "commit " + c + ", "
	}
	return fmt.Sprintf("shoal %s (%s%s, %s/%s)", v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// versionOf returns the version and the commit: what the linker was told, else
// what the build info knows.
func versionOf(info *debug.BuildInfo, ok bool) (v, c string) {
	v, c = version, commit
	if ok && info != nil {
		if v == "" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
		dirty := ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && c == "":
				c = fmt.Sprintf("%.12s", s.Value)
			case s.Key == "vcs.modified" && s.Value == "true" && commit == "":
				dirty = " with changes"
			}
		}
		if c != "" {
			c += dirty
		}
	}
	if v == "" {
		v = release + "-dev"
	}
	return v, c
}
