package hooks

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMain lets this program be the command as well: ROLE says what it does, for the tests.
func TestMain(m *testing.M) {
	switch role := os.Getenv("ROLE"); role {
	case "":
		os.Exit(m.Run())
	case "tell": // its arguments and what it was told
		fmt.Printf("%q\n", os.Args[1:])
		for _, v := range os.Environ() {
			if strings.HasPrefix(v, "SHOAL_") || strings.HasPrefix(v, "TR_") || strings.HasPrefix(v, "NOTIFY_") {
				fmt.Printf("%q\n", v)
			}
		}
		fmt.Fprint(os.Stderr, "without an end")
	case "talk":
		for i := range 100_000 {
			fmt.Println("line", i)
		}
	case "fail":
		os.Exit(3)
	case "hang", "leave": // starts a child that outlives everything, tells who it is, and goes on or ends
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "ROLE=deaf")
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			panic(err)
		}
		fmt.Println(child.Process.Pid)
		if role == "hang" {
			time.Sleep(time.Hour)
		}
	case "deaf":
		deafen()
		fmt.Println("deaf")
		time.Sleep(time.Hour)
	}
	os.Exit(0)
}
