//! Policy files -> a checked policy that explains itself and can be narrowed. Pure.
