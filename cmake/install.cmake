# SPDX-License-Identifier: MIT
# What `cmake --install` puts where, and the Debian packages made of it.  Three components: tool (fa-gen with its worker), runtime (the shared
# libraries) and development.  Everything finds the rest relative to itself, so a prefix may be moved; nothing here writes an absolute path.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(FA_LIB "${CMAKE_INSTALL_LIBDIR}")
set(FA_SHARE "${CMAKE_INSTALL_DATADIR}/fa-gen")
get_target_property(FA_SOVERSION fagen SOVERSION)

option(FA_STRIP "cmake --install leaves debug information, and with it the names of the build's folders, behind" ON)
if(FA_STRIP)
  install(CODE "set(CMAKE_INSTALL_DO_STRIP TRUE)" ALL_COMPONENTS)
endif()

# ---- programs and shared libraries ----

install(TARGETS fa-gen RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tool)
file(RELATIVE_PATH FA_BIN_TO_LIB "/p/${CMAKE_INSTALL_BINDIR}" "/p/${FA_LIB}")
set_target_properties(fa-gen PROPERTIES INSTALL_RPATH "$ORIGIN/${FA_BIN_TO_LIB}")
install(TARGETS fa-gen-worker RUNTIME DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/fa-gen" COMPONENT tool)
set(FA_SHARED_LIBRARIES fagen fagen_emulator)
if(TARGET fagen_jit)
  list(APPEND FA_SHARED_LIBRARIES fagen_jit)
endif()
set_target_properties(${FA_SHARED_LIBRARIES} PROPERTIES INSTALL_RPATH "")
install(TARGETS ${FA_SHARED_LIBRARIES} LIBRARY DESTINATION "${FA_LIB}" COMPONENT runtime NAMELINK_COMPONENT development)

# ---- static libraries: one object each, in which all names but those of the header are local, so that nothing meets a name of the host's ----

function(fa_static_library name shared objects archives)
  set(archive "${CMAKE_BINARY_DIR}/lib/static/lib${name}.a")
  add_custom_command(
    OUTPUT "${archive}"
    COMMAND ${CMAKE_COMMAND} "-DCC=${CMAKE_C_COMPILER}" "-DNM=${CMAKE_NM}" "-DOBJCOPY=${CMAKE_OBJCOPY}" "-DAR=${CMAKE_AR}"
            "-DARCHIVE=${archive}" "-DSHARED=$<TARGET_FILE:${shared}>"
            "-DINPUTS=${objects};${archives}" -P "${PROJECT_SOURCE_DIR}/cmake/static_library.cmake"
    DEPENDS ${shared} "${objects}" "${archives}" "${PROJECT_SOURCE_DIR}/cmake/static_library.cmake"
    COMMENT "Making the archive lib${name}.a"
    VERBATIM)
  add_custom_target(${name}_archive ALL DEPENDS "${archive}")
  install(FILES "${archive}" DESTINATION "${FA_LIB}" COMPONENT development)
endfunction()
fa_static_library(fagen fagen "$<TARGET_OBJECTS:fagen_objects>" "$<TARGET_FILE:fagen_cache>;$<TARGET_FILE:fa_template_tree>")
set(emulator_objects)
foreach(part plain baseline avx2 avx512)
  if(TARGET fagen_emulator_${part})
    list(APPEND emulator_objects "$<TARGET_OBJECTS:fagen_emulator_${part}>")
  endif()
endforeach()
fa_static_library(fagen-emulator fagen_emulator "${emulator_objects}" "")

# ---- for compilers: headers, CMake package, pkg-config ----

install(FILES runtime/include/fagen/fagen.h runtime/emulator/include/fagen/emulator.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/fagen" COMPONENT development)
set(FA_CMAKE_DIR "${FA_LIB}/cmake/fagen")
set(FA_INCLUDE_DIR "${CMAKE_INSTALL_INCLUDEDIR}")
set(FA_TOOL "${CMAKE_INSTALL_BINDIR}/fa-gen")
set(FA_WORKER "${CMAKE_INSTALL_LIBEXECDIR}/fa-gen/fa-gen-worker")
configure_package_config_file(cmake/fagen-config.cmake.in "${FA_GENERATED_DIR}/fagen-config.cmake" INSTALL_DESTINATION "${FA_CMAKE_DIR}"
                              PATH_VARS FA_INCLUDE_DIR FA_LIB FA_TOOL FA_WORKER)
write_basic_package_version_file("${FA_GENERATED_DIR}/fagen-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${FA_GENERATED_DIR}/fagen-config.cmake" "${FA_GENERATED_DIR}/fagen-config-version.cmake" DESTINATION "${FA_CMAKE_DIR}" COMPONENT development)
file(RELATIVE_PATH FA_PREFIX_FROM_PKGCONFIG "/p/${FA_LIB}/pkgconfig" "/p")
function(fa_pkgconfig name description libs private)
  configure_file(cmake/pkgconfig.in "${FA_GENERATED_DIR}/${name}.pc" @ONLY)
  install(FILES "${FA_GENERATED_DIR}/${name}.pc" DESTINATION "${FA_LIB}/pkgconfig" COMPONENT development)
endfunction()
fa_pkgconfig(fagen "exact attention on AMD GPUs" "-L\${libdir} -lfagen" "-lpthread -ldl -lm")
fa_pkgconfig(fagen-static "exact attention on AMD GPUs, linked in" "\${libdir}/libfagen.a -lpthread -ldl -lm" "")
fa_pkgconfig(fagen-emulator "runs AMD GPU code objects on the CPU" "-L\${libdir} -lfagen-emulator" "-lpthread -lm")
fa_pkgconfig(fagen-emulator-static "runs AMD GPU code objects on the CPU, linked in" "\${libdir}/libfagen-emulator.a -lpthread -lm" "")

# ---- manual pages and completions: written by the tool itself ----

file(GLOB FA_MANUALS CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/*.3")
set(FA_MANUAL_DIR "${CMAKE_BINARY_DIR}/manual")
add_custom_command(
  OUTPUT "${FA_MANUAL_DIR}/complete"
  COMMAND ${CMAKE_COMMAND} "-DFA_GEN=$<TARGET_FILE:fa-gen>" "-DOUTPUT=${FA_MANUAL_DIR}" "-DPAGES=${FA_MANUALS}"
          "-DCHANGELOG=${FA_GENERATED_DIR}/changelog" -P "${PROJECT_SOURCE_DIR}/cmake/manual.cmake"
  DEPENDS fa-gen ${FA_MANUALS} "${PROJECT_SOURCE_DIR}/cmake/manual.cmake"
  COMMENT "Writing manual pages and completions"
  VERBATIM)
add_custom_target(manual ALL DEPENDS "${FA_MANUAL_DIR}/complete")
install(DIRECTORY "${FA_MANUAL_DIR}/man1" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT tool)
install(DIRECTORY "${FA_MANUAL_DIR}/man3" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT development)
install(FILES "${FA_MANUAL_DIR}/bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME fa-gen COMPONENT tool)
configure_file(cmake/deb/changelog.in "${FA_GENERATED_DIR}/changelog" @ONLY)
foreach(folder site-functions vendor-completions) # where zsh looks, and where Debian's does
  install(FILES "${FA_MANUAL_DIR}/zsh" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/${folder}" RENAME _fa-gen COMPONENT tool)
endforeach()
install(FILES "${FA_MANUAL_DIR}/fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" RENAME fa-gen.fish COMPONENT tool)

# ---- data, documents, examples ----

install(PROGRAMS gen/toolchain/setup.sh DESTINATION "${FA_SHARE}" COMPONENT tool)
install(DIRECTORY tests/data/ DESTINATION "${FA_SHARE}/demo" COMPONENT tool FILES_MATCHING PATTERN "*_[qkv].npy"
        PATTERN objects EXCLUDE PATTERN worker_templates EXCLUDE)
if(EXISTS "${PROJECT_SOURCE_DIR}/gen/models/models.json")
  install(FILES gen/models/models.json DESTINATION "${FA_SHARE}" COMPONENT tool)
endif()
set(FA_TOOL_DOC "${CMAKE_INSTALL_DATADIR}/doc/fa-gen")
set(FA_DEVELOPMENT_DOC "${CMAKE_INSTALL_DATADIR}/doc/libfagen-dev")
set(FA_RUNTIME_DOC "${CMAKE_INSTALL_DATADIR}/doc/libfagen${FA_SOVERSION}")
set(FA_LEGAL cmake/copyright "${FA_MANUAL_DIR}/changelog.gz")
install(FILES ${FA_LEGAL} DESTINATION "${FA_TOOL_DOC}" COMPONENT tool)
install(FILES ${FA_LEGAL} DESTINATION "${FA_RUNTIME_DOC}" COMPONENT runtime)
install(FILES ${FA_LEGAL} DESTINATION "${FA_DEVELOPMENT_DOC}" COMPONENT development)
install(FILES README.md DESTINATION "${FA_TOOL_DOC}" COMPONENT tool)
install(DIRECTORY docs/ DESTINATION "${FA_TOOL_DOC}/docs" COMPONENT tool FILES_MATCHING PATTERN "*.md")
install(DIRECTORY examples/ DESTINATION "${FA_DEVELOPMENT_DOC}/examples" COMPONENT development USE_SOURCE_PERMISSIONS)

# ---- Debian packages: cmake --build build --target package ----

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fa-gen)
set(CPACK_PACKAGE_VENDOR "the fa-gen authors")
set(CPACK_PACKAGE_CONTACT "The fa-gen authors <maintainers@fa-gen.invalid>")
set(CPACK_PACKAGE_DIRECTORY "${CMAKE_BINARY_DIR}/packages")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL tool runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/deb/triggers")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${CMAKE_BINARY_DIR}/lib")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "") # what is computed is enough, but for our own
set(CPACK_DEBIAN_TOOL_PACKAGE_NAME fa-gen)
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION science)
set(CPACK_DEBIAN_TOOL_PACKAGE_SUGGESTS "debian-archive-keyring") # fa-gen toolchain fetch
set(CPACK_DEBIAN_TOOL_PACKAGE_DEPENDS "libfagen${FA_SOVERSION} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_TOOL_DESCRIPTION "generator of attention kernels for AMD GPUs
Generates exact attention kernels made to measure for the caller's
problem, compiles them with hiprtc in a worker process, and runs them on a
GPU or on an emulated one.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "libfagen${FA_SOVERSION}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "fa-gen (= ${PROJECT_VERSION}), libzstd1") # the worker, and what opens packs that are compressed
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "exact attention on AMD GPUs, shared libraries
Kernels come from packs, from a cache, or from the worker of the package
fa-gen.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libfagen-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libfagen${FA_SOVERSION} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "fa-gen (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION "exact attention on AMD GPUs, for compiling against
Headers, static libraries, CMake package, pkg-config files and examples.")
include(CPack)
