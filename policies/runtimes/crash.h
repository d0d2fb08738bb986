/* Included before a C or C++ program. Crashes are told to the watcher, see crash.S. */
#if defined(__x86_64__) && defined(__linux__)
__asm__(".include \".belljar-crash.S\"");
#endif
