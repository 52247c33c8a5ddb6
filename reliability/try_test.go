package main

import (
	"strings"
	"testing"
)

// What go test -json says becomes lines: counts by attribute, property, fuzzing or
// subtests, failures, and why something was skipped.
func TestLines(t *testing.T) {
	t.Parallel()
	o := make(outcomes)
	err := o.read("p", strings.NewReader(`{"Action":"start","Package":"p"}
{"Action":"attr","Package":"p","Test":"TestTold/a","Key":"cases","Value":"7"}
{"Action":"attr","Package":"p","Test":"TestTold/b","Key":"cases","Value":"5"}
{"Action":"pass","Package":"p","Test":"TestTold/a"}
{"Action":"pass","Package":"p","Test":"TestTold/b"}
{"Action":"pass","Package":"p","Test":"TestTold"}
{"Action":"output","Package":"p","Test":"TestProperty","Output":"    x_test.go:9: [rapid] OK, passed 100 tests (1s)\n"}
{"Action":"pass","Package":"p","Test":"TestProperty"}
{"Action":"output","Package":"p","Test":"FuzzIt","Output":"fuzz: elapsed: 3s, execs: 100 (33/sec)\n"}
{"Action":"output","Package":"p","Test":"FuzzIt","Output":"fuzz: elapsed: 6s, execs: 2100 (700/sec)\n"}
{"Action":"pass","Package":"p","Test":"FuzzIt"}
{"Action":"pass","Package":"p","Test":"TestTable/a"}
{"Action":"fail","Package":"p","Test":"TestTable/b"}
{"Action":"output","Package":"p","Test":"TestTable/c","Output":"    x_test.go:9: no such thing here\n"}
{"Action":"skip","Package":"p","Test":"TestTable/c"}
{"Action":"fail","Package":"p","Test":"TestTable"}
{"Action":"run","Package":"p","Test":"TestNeverEnded"}
{"Action":"fail","Package":"p"}
`))
	if err != nil {
		t.Fatal(err)
	}
	for test, want := range map[string]struct {
		cases, failed int
		skipped       string
	}{
		"TestTold": {12, 0, ""}, "TestTold/a": {7, 0, ""}, "TestProperty": {100, 0, ""}, "FuzzIt": {2100, 0, ""},
		"TestTable": {2, 1, "no such thing here"}, "TestNeverEnded": {1, 1, ""}, "TestOfNoName": {0, 1, ""},
	} {
		l := o.line(row{pkg: "p", test: test})
		if l.cases != want.cases || l.failed != want.failed || strings.Join(l.skipped, "; ") != want.skipped {
			t.Errorf("%s: %+v, want %+v", test, l, want)
		}
	}
}

// A fuzz target whose time was up passed, one that found something did not.
func TestTimeIsUp(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"fuzz: elapsed: 4s, execs: 52289\n--- FAIL: FuzzIt (4.10s)\n    context deadline exceeded\n":                     "pass",
		"--- FAIL: FuzzIt (4.10s)\n    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzIt/1\n": "fail",
		"--- FAIL: FuzzIt (0.10s)\n    x_test.go:9: no\n":                                                                "fail",
	} {
		f := &test{action: "fail"}
		f.output.WriteString(said)
		if f.timeIsUp(); f.action != want {
			t.Errorf("%q: it is %s, want %s", said, f.action, want)
		}
	}
}
