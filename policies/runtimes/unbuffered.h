/* Included before a C or C++ program whose output is to stand at the line that printed it: what is printed is written at
   once, not when a buffer is full. So often only, after which printing costs what it always does. Nothing is included
   here, and all names are our own, so that the program means what it meant; the linker puts these in the place of the
   C library's functions (--wrap). */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct belljar_file belljar_file;
typedef __builtin_va_list belljar_list;
typedef __SIZE_TYPE__ belljar_size;

extern belljar_file *belljar_stdout __asm__("stdout");
extern int belljar_flush(belljar_file *) __asm__("fflush");

extern int belljar_real_vfprintf(belljar_file *, const char *, belljar_list) __asm__("__real_vfprintf");
extern int belljar_real_puts(const char *) __asm__("__real_puts");
extern int belljar_real_fputs(const char *, belljar_file *) __asm__("__real_fputs");
extern int belljar_real_fputc(int, belljar_file *) __asm__("__real_fputc");

static int belljar_left = 2000;

static int belljar_printed(belljar_file *to, int result) {
  if (to == belljar_stdout && belljar_left > 0) {
    belljar_left--;
    belljar_flush(to);
  }
  return result;
}

int belljar_vfprintf(belljar_file *, const char *, belljar_list) __asm__("__wrap_vfprintf");
int belljar_vfprintf(belljar_file *to, const char *format, belljar_list list) {
  return belljar_printed(to, belljar_real_vfprintf(to, format, list));
}
int belljar_vprintf(const char *, belljar_list) __asm__("__wrap_vprintf");
int belljar_vprintf(const char *format, belljar_list list) {
  return belljar_vfprintf(belljar_stdout, format, list);
}
int belljar_fprintf(belljar_file *, const char *, ...) __asm__("__wrap_fprintf");
int belljar_fprintf(belljar_file *to, const char *format, ...) {
  belljar_list list;
  __builtin_va_start(list, format);
  int result = belljar_vfprintf(to, format, list);
  __builtin_va_end(list);
  return result;
}
int belljar_printf(const char *, ...) __asm__("__wrap_printf");
int belljar_printf(const char *format, ...) {
  belljar_list list;
  __builtin_va_start(list, format);
  int result = belljar_vfprintf(belljar_stdout, format, list);
  __builtin_va_end(list);
  return result;
}
int belljar_puts(const char *) __asm__("__wrap_puts");
int belljar_puts(const char *text) {
  return belljar_printed(belljar_stdout, belljar_real_puts(text));
}
int belljar_fputs(const char *, belljar_file *) __asm__("__wrap_fputs");
int belljar_fputs(const char *text, belljar_file *to) {
  return belljar_printed(to, belljar_real_fputs(text, to));
}
int belljar_fputc(int, belljar_file *) __asm__("__wrap_fputc");
int belljar_fputc(int one, belljar_file *to) {
  return belljar_printed(to, belljar_real_fputc(one, to));
}
int belljar_putchar(int) __asm__("__wrap_putchar");
int belljar_putchar(int one) {
  return belljar_fputc(one, belljar_stdout);
}

/* C++ prints with these from within its own library. There they are replaced by being exported, so what they replace
   must have another name, which only the GNU C library gives it. */
#if defined(__cplusplus) && __has_include(<gnu/libc-version.h>)
#define BELLJAR_FWRITE "fwrite"
#define BELLJAR_PUTC "putc"
extern belljar_size belljar_real_fwrite(const void *, belljar_size, belljar_size, belljar_file *) __asm__("_IO_fwrite");
extern int belljar_real_putc(int, belljar_file *) __asm__("_IO_putc");
#else
#define BELLJAR_FWRITE "__wrap_fwrite"
#define BELLJAR_PUTC "__wrap_putc"
extern belljar_size belljar_real_fwrite(const void *, belljar_size, belljar_size, belljar_file *) __asm__("__real_fwrite");
extern int belljar_real_putc(int, belljar_file *) __asm__("__real_putc");
#endif
belljar_size belljar_fwrite(const void *, belljar_size, belljar_size, belljar_file *) __asm__(BELLJAR_FWRITE);
belljar_size belljar_fwrite(const void *bytes, belljar_size size, belljar_size count, belljar_file *to) {
  belljar_size result = belljar_real_fwrite(bytes, size, count, to);
  belljar_printed(to, 0);
  return result;
}
int belljar_putc(int, belljar_file *) __asm__(BELLJAR_PUTC);
int belljar_putc(int one, belljar_file *to) {
  return belljar_printed(to, belljar_real_putc(one, to));
}
#undef BELLJAR_FWRITE
#undef BELLJAR_PUTC

#ifdef __cplusplus
/* std::ios_base::sync_with_stdio: C++ goes on printing through the C library. */
bool belljar_sync(bool) __asm__("_ZNSt8ios_base15sync_with_stdioEb");
bool belljar_sync(bool wanted) {
  static bool is_synchronous = true;
  bool was = is_synchronous;
  is_synchronous = wanted;
  return was;
}
}
#endif
