package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kubernetes sets such variables in every pod beside a service that is called mediabridge-gateway.
var kubernetes = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)=|=(tcp|udp|sctp)://`)

// variables reads environment variables, and collects what is wrong with them. One that is empty
// counts as one that is not set, as containers like to pass them.
type variables struct {
	given    map[string]string
	read     map[string]bool
	problems []error
}

func newVariables(environment []string) *variables {
	v := &variables{given: map[string]string{}, read: map[string]bool{}}
	for _, variable := range environment {
		if name, value, _ := strings.Cut(variable, "="); strings.TrimSpace(value) != "" {
			v.given[name] = strings.TrimSpace(value)
		}
	}
	return v
}

func (v *variables) text(name, unset string) string {
	v.read[name] = true
	if value, given := v.given[name]; given {
		return value
	}
	return unset
}

// secret may also stand in a file, which the variable's name with _FILE behind it then names.
func (v *variables) secret(name string) string {
	value, path := v.text(name, ""), v.text(name+"_FILE", "")
	if path == "" {
		return value
	}
	if value != "" {
		v.problems = append(v.problems, fmt.Errorf("%s and %s_FILE: only one can be given", name, name))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		v.problems = append(v.problems, fmt.Errorf("%s_FILE: %w", name, err))
	}
	return strings.TrimRight(string(content), "\r\n")
}

func (v *variables) flag(name string) bool {
	value := v.text(name, "false")
	set, err := strconv.ParseBool(value)
	if err != nil {
		v.problems = append(v.problems, fmt.Errorf("%s: must be true or false", name))
	}
	return set
}

// list splits at commas.
func (v *variables) list(name string) (values []string) {
	for value := range strings.SplitSeq(v.text(name, ""), ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// choice returns what a word stands for, in whatever case it is written.
func choice[T any](v *variables, name, unset string, meanings map[string]T) T {
	meaning, known := meanings[strings.ToLower(v.text(name, unset))]
	if !known {
		words := strings.Join(slices.Sorted(maps.Keys(meanings)), ", ")
		v.problems = append(v.problems, fmt.Errorf("%s: must be one of %s", name, words))
	}
	return meaning
}

// problem returns all that is wrong; also that a variable of our prefix does not exist, for then it
// is likely misspelt.
func (v *variables) problem(prefix string) error {
	problems := slices.Clone(v.problems)
	for _, name := range slices.Sorted(maps.Keys(v.given)) {
		isOurs := strings.HasPrefix(name, prefix) && !kubernetes.MatchString(name+"="+v.given[name])
		if isOurs && !v.read[name] {
			problems = append(problems, fmt.Errorf("%s: there is no such setting", name))
		}
	}
	return errors.Join(problems...)
}
