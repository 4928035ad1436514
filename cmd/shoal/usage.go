package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"shoal/internal/config"
)

// unknownCommand says which command there is not, and which one may be meant.
func unknownCommand(root *cobra.Command, name string) error {
	hint := ""
	if near := root.SuggestionsFor(name); len(near) > 0 {
		hint = "; maybe you mean " + strings.Join(near, " or ")
	}
	return fmt.Errorf("unknown command %q for %q%s", name, root.CommandPath(), hint)
}

// wanted is check with an error that says what the command takes.
func wanted(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		return nil
	}
	return func(cmd *cobra.Command, args []string) error {
		_, takes, _ := strings.Cut(cmd.Use, " ")
		err := check(cmd, args)
		switch {
		case err == nil:
			return nil
		case len(args) == 0:
			return fmt.Errorf("nothing is named: write `%s %s`", cmd.CommandPath(), takes)
		case takes == "":
			return fmt.Errorf("%q: `%s` takes flags only", args[0], cmd.CommandPath())
		case len(cmd.ValidArgs) > 0 && len(args) == 1:
			return fmt.Errorf("%q: write `%s %s`", args[0], cmd.CommandPath(), takes)
		}
		return fmt.Errorf("too many names: write `%s %s`", cmd.CommandPath(), takes)
	}
}

// plainFlagError says in words which values a flag takes.
func plainFlagError(err error) error {
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	name := fmt.Sprintf("--%s %q", bad.GetFlag().Name, bad.GetValue())
	switch bad.GetFlag().Value.Type() {
	case "int", "count":
		return fmt.Errorf("%s: write a whole number", name)
	case "duration":
		return fmt.Errorf("%s: write a time like 90s, 10m or 2h", name)
	case "bool":
		return fmt.Errorf("%s: write true or false", name)
	}
	if cause := bad.Unwrap(); !strings.Contains(cause.Error(), bad.GetValue()) {
		return fmt.Errorf("%s: %w", name, cause)
	}
	return fmt.Errorf("--%s: %w", bad.GetFlag().Name, bad.Unwrap())
}

// variable is the environment variable of a flag.
func variable(flag string) string {
	return "SHOAL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// strangers lists the SHOAL_ variables that are a flag of no command and no key of the configuration. Those that hooks get are
// known.
func strangers(root *cobra.Command) []string {
	known := map[string]bool{"SHOAL_EVENT": true} // that commands get, as SHOAL_TORRENT_*
	for i := range config.Keys {
		known[config.Keys[i].Variable()] = true
	}
	for _, c := range documented(root) {
		for _, flags := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			flags.VisitAll(func(f *pflag.Flag) { known[variable(f.Name)] = true })
		}
	}
	var list []string
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		if value != "" && strings.HasPrefix(name, "SHOAL_") && !strings.HasPrefix(name, "SHOAL_TORRENT_") && !known[name] {
			list = append(list, name)
		}
	}
	return list
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Help about any command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			if len(args) == 0 {
				for _, c := range documented(cmd.Root())[1:] {
					if c.Parent() == cmd.Root() {
						names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = unknownCommand(cmd.Root(), rest[0])
			}
			if err != nil {
				return withCode(exitUsage, err)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
