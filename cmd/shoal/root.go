package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// run is the whole program but for the process around it: it carries out args
// and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	con := newConsole(stdin, stdout, stderr)
	ctx, release := interruptible(context.Background(), con)
	defer release()
	defer onStatusSignal(con.asked)()
	root, began := newRoot(con)
	root.SetArgs(plain(root, con, args))
	root.SetIn(stdin)
	root.SetOut(con.stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		if err = con.stdout.lost(); err == nil {
			return exitDone
		}
	case !*began: // cobra could not make sense of the words
		help := "shoal help"
		if cmd != root && cmd.Name() != "help" {
			help += " " + strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ")
		}
		err = withCode(exitUsage, fmt.Errorf("%w; see `%s`", err, help))
	}
	con.Error("", err)
	return codeOf(err)
}

// newRoot builds the command tree. began becomes true once the words of the
// command line were understood and a command starts.
func newRoot(con *console) (root *cobra.Command, began *bool) {
	began = new(bool)
	root = &cobra.Command{
		Use:   "shoal",
		Short: "A BitTorrent client: get files, seed them, make torrents",
		Long: `shoal gets files from a BitTorrent swarm and seeds them, makes .torrent
files and shows what is inside of them.

Results go to standard output, everything else to standard error. Every flag
can also be given as an environment variable: --limit-down is SHOAL_LIMIT_DOWN,
and many in a configuration file: see shoal help config. A flag wins over the
environment, and that over the file.

` + exitCodesHelp,
		Example: `  shoal                                        the list on a terminal, with keys for everything
  shoal demo                                   see it work, nothing else needed
  shoal get debian.torrent                     download into this folder, then end
  shoal seed ~/Music/album                     make a torrent of it and serve it
  shoal create ~/Music/album --tracker http://tracker.example/announce
  shoal inspect debian.torrent                 what is inside
  shoal dht                                    who is near us in the DHT`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       versionLine(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help() // at a terminal plain has made it tui
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			con.typed = typed(cmd.Flags())
			if err := fromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			if heedsConfig(cmd) {
				if err := con.configure(cmd); err != nil {
					*began = true // the words were understood
					return err
				}
			}
			if err := con.check(); err != nil {
				return err
			}
			for _, name := range strangers(cmd.Root()) {
				con.Note("environment variable %s has no effect: no flag and no key is called so", name)
			}
			return nil
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return plainFlagError(err) })
	con.register(root.PersistentFlags())
	choices(root, "color", "auto", "always", "never")
	choices(root, "log-format", "text", "json")
	root.AddCommand(newGet(con), newSeed(con), newCreate(con), newInspect(con), newCheck(con), newEdit(con), newDHT(con), newDemo(con), newConfig(con),
		newDaemon(con), newTUI(con), newDoctor(con), newCompletion(con), newMan(con), newVersion(con))
	root.AddCommand(remoteCommands(con)...)
	root.SetHelpCommand(newHelp())
	root.CompletionOptions.DisableDefaultCmd = true
	fitHelp(root)
	for _, c := range documented(root)[1:] {
		if c.HasSubCommands() {
			continue // does nothing but help
		}
		work := c.RunE
		c.Args = wanted(c.Args)
		c.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return work(cmd, args)
		}
	}
	return root, began
}

// fromEnvironment gives every flag that the command line left alone the value
// of its SHOAL_ variable. A repeatable flag takes a list with commas, except for URLs and patterns, which
// may have some.
func fromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		value, ok := lookupEnv(name)
		if !ok || f.Changed || f.Name == "help" || f.Annotations[ownMeaning] != nil || failed != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = fmt.Errorf("environment variable %s: %w", name, plainFlagError(err))
		}
	})
	return failed
}
