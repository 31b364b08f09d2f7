//! Empty: only the manifest beside this file matters.
