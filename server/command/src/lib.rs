//! The command line: options, live output, JSON, policies, runtimes, doctor.
