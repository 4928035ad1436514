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
	ctx, release := interruptible(context.Background(), stderr)
	defer release()
	con := newConsole(stdin, stdout, stderr)
	defer onStatusSignal(con.asked)()
	root, began := newRoot(con)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if !*began { // cobra could not make sense of the words
		err = withCode(exitUsage, fmt.Errorf("%w; see `shoal help`", err))
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
can also be given as an environment variable: --limit-down is SHOAL_LIMIT_DOWN.
A flag wins over the environment.

` + exitCodesHelp,
		Example: `  shoal demo                                   see it work, nothing else needed
  shoal get debian.torrent                     download into this folder, then end
  shoal seed ~/Music/album                     make a torrent of it and serve it
  shoal create ~/Music/album --tracker http://tracker.example/announce
  shoal inspect debian.torrent                 what is inside`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			return con.check()
		},
	}
	con.register(root.PersistentFlags())
	root.AddCommand(newGet(con), newSeed(con), newCreate(con), newInspect(con), newCheck(con), newEdit(con), newDemo(con), newCompletion(con), newMan(con), newVersion(con))
	root.SetHelpCommand(&cobra.Command{
		Use: "help [command]", Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("unknown command %q", strings.Join(rest, " "))
			}
			if err != nil {
				return withCode(exitUsage, err)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	})
	root.CompletionOptions.DisableDefaultCmd = true
	for _, c := range root.Commands() {
		work := c.RunE
		c.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return work(cmd, args)
		}
	}
	return root, began
}

// fromEnvironment gives every flag that the command line left alone the value
// of its SHOAL_ variable. A repeatable flag takes a list with commas.
func fromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "SHOAL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := lookupEnv(name)
		if !ok || f.Changed || f.Name == "help" || failed != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = fmt.Errorf("environment variable %s: %w", name, err)
		}
	})
	return failed
}
